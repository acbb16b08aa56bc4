import ArgumentParser
import Formats
import Graph
import Support

/// `pare convert`: from one file format to another, by extension.
struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert", abstract: "Converts a model between .onnx, .pare and .safetensors.",
    discussion: "Example: pare convert net.onnx net.pare")

  @Argument(help: "A model: .onnx, .pare, or .safetensors with --model.") var input: String
  @Argument(help: "The file to write.") var output: String
  @Option(help: "The graph that the parameters of a .safetensors file belong to.") var model: String?
  @Option(help: "A profile of the exported ONNX file: tensorrt.") var profile: String?
  @Flag(help: "Writes sparse parameters as ONNX sparse initializers.") var sparseInitializer = false
  @OptionGroup var shape: ShapeOption
  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.apply()
    var saving = SaveOptions()
    saving.profile = profile
    saving.sparseInitializer = sparseInitializer
    guard input.hasSuffix(".safetensors") else {
      guard model == nil else {
        throw PareError(.argument, "--model is the graph for parameters of a .safetensors file", argument: "model", got: input)
      }
      return try ModelFile.save(try ModelFile.load(input, shapes: shape.parsed()), to: output, saving)
    }
    guard let model else {
      throw PareError(.argument, "'\(input)' has parameters but no graph", argument: "model", expected: "--model GRAPH, a .onnx or .pare file")
    }
    try ModelFile.save(try ModelFile.load(model, shapes: shape.parsed()).loading(Safetensors.load(input)).0, to: output, saving)
  }
}
