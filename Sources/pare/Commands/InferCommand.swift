import ArgumentParser
import Formats
import Glibc
import Graph
import Runtime
import Support
import Tensor

/// `pare infer`: arrays in, arrays out.
struct InferCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "infer", abstract: "Runs a model on .npy files; writes one NAME.npy per graph output.",
    discussion: "Example: pare infer net.onnx --input x.npy --output-dir out")

  enum Engine: String, ExpressibleByArgument, CaseIterable { case session, interpreter }

  @Argument(help: "A model: .onnx or .pare.") var model: String
  @Option(name: .customLong("input"), help: ArgumentHelp("An input; NAME= is needed when the model has several.", valueName: "[name=]x.npy"))
  var inputs: [String]
  @Option(help: "The folder for the results.") var outputDir: String
  @Option(help: "What runs the model.") var engine = Engine.session
  @OptionGroup var shape: ShapeOption
  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.apply()
    let loaded = try ModelFile.load(model, shapes: shape.parsed())
    let values = try named(inputs, of: loaded)
    let outputs: [String: Tensor]
    switch engine {
    case .interpreter:
      outputs = try Interpreter(loaded).run(values).outputs
    case .session:
      outputs = try Session(loaded, threads: Compute.threads, shapes: values.mapValues(\.shape.dimensions)).run(values)
    }
    guard mkdir(outputDir, 0o777) == 0 || errno == EEXIST else {
      throw PareError(.io, "cannot make folder '\(outputDir)': \(String(cString: strerror(errno)))", file: outputDir)
    }
    for port in loaded.outputs {
      guard let value = outputs[port.name] else {
        throw PareError(.internal, "the \(engine.rawValue) gave no output '\(port.name)'")
      }
      let name = String(port.name.map { $0 == "/" ? "_" : $0 })
      try NPY.save(value, to: "\(outputDir)/\(name).npy")
    }
  }

  private func named(_ inputs: [String], of model: Model) throws -> [String: Tensor] {
    let names = model.inputs.map(\.name)
    var values: [String: Tensor] = [:]
    for input in inputs {
      let name: String
      let path: String
      if let equals = input.firstIndex(of: "="), names.contains(String(input[..<equals])) {
        name = String(input[..<equals])
        path = String(input[input.index(after: equals)...])
      } else if names.count == 1, let equals = input.firstIndex(of: "="), access(input, F_OK) != 0 {
        let other = String(input[..<equals])
        throw PareError(
          .notFound, "the model has no input '\(other)'", argument: "input", expected: names[0], got: other,
          suggestion: Suggestion.didYouMean(other, among: names))
      } else if names.count == 1 {
        (name, path) = (names[0], input)
      } else {
        throw PareError(
          .argument, "the model has several inputs, so --input needs a name", argument: "input",
          expected: names.map { "\($0)=FILE.npy" }.joined(separator: ", "), got: input)
      }
      guard values.updateValue(try NPY.load(path), forKey: name) == nil else {
        throw PareError(.argument, "input '\(name)' is given twice", argument: "input")
      }
    }
    if let absent = names.first(where: { values[$0] == nil }) {
      throw PareError(.argument, "input '\(absent)' is missing", argument: "input", expected: "--input \(absent)=FILE.npy")
    }
    return values
  }
}
