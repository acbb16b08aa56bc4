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
  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.apply()
    guard !input.hasSuffix(".safetensors") else {
      throw PareError(.unsupported, "convert: reading parameters from .safetensors is not there yet", argument: "input")
    }
    var saving = SaveOptions()
    saving.profile = profile
    saving.sparseInitializer = sparseInitializer
    try ModelFile.save(try ModelFile.load(input), to: output, saving)
  }
}
