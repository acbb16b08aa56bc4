import ArgumentParser
import Formats
import Graph
import Runtime
import Support
import Tensor

/// `pare check`: interpreter, session and, where asked, another runtime on the same inputs.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Compares interpreter, session and another runtime on the same inputs; exit 1 on a difference.",
    discussion: "Example: pare check net.onnx --against onnxruntime")

  /// Largest relative difference (max|a-b| / max|b|) that passes.
  private static let tolerance = 1e-4

  enum Other: String, ExpressibleByArgument, CaseIterable { case onnxruntime }

  @Argument(help: "A model: .onnx or .pare.") var model: String
  @Option(help: "Another runtime to compare with.") var against: Other?
  @Option(help: "The Python that has the other runtime.") var python = "python3"
  @OptionGroup var shape: ShapeOption
  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.apply()
    let shapes = try shape.parsed()
    let loaded = try ModelFile.load(model, shapes: shapes)
    let session = try Session(loaded, threads: Compute.threads, shapes: shapes)
    let inputs = try session.syntheticInputs()
    let interpreter = try Interpreter(loaded)
    let expected = try interpreter.run(inputs).outputs
    var worst = try compare(session.run(inputs), expected, loaded, "session against interpreter")
    if against != nil {
      // The first output of every node, to find where the two part.
      let values = loaded.nodes.compactMap { $0.outputs.first { !$0.isEmpty } } + loaded.outputs.map(\.name)
      let theirs = try OtherRuntime.values(values.uniqued(), of: loaded, inputs: inputs, python: python)
      let difference = try compare(expected, theirs, loaded, "interpreter against onnxruntime")
      worst = difference <= worst ? worst : difference
      if let place = try parting(loaded, interpreter, inputs, theirs) { print(place) }
    }
    if !(worst <= Self.tolerance) {
      Console.error("check: the largest difference \(worst) is above \(Self.tolerance)")
      throw ExitCode(1)
    }
  }

  /// Prints a line for each output and returns the largest difference.
  private func compare(_ a: [String: Tensor], _ b: [String: Tensor], _ model: Model, _ title: String) throws -> Double {
    var worst = 0.0
    for port in model.outputs {
      guard let x = a[port.name], let y = b[port.name] else {
        throw PareError(.internal, "\(title): no output '\(port.name)'")
      }
      let difference = try Self.relativeDifference(x, y)
      if !(difference <= worst) { worst = difference }
      print("\(port.name)  \(title): \(difference)")
    }
    return worst
  }

  /// The first node whose result is another than the other runtime's.
  private func parting(
    _ model: Model, _ interpreter: Interpreter, _ inputs: [String: Tensor], _ theirs: [String: Tensor]
  ) throws -> String? {
    let names = model.nodes.compactMap { $0.outputs.first { !$0.isEmpty } }.filter { theirs[$0] != nil }
    let mine = try interpreter.run(inputs, taps: names).taps
    for node in model.nodes {
      guard let name = node.outputs.first(where: { !$0.isEmpty }), let a = mine[name], let b = theirs[name] else { continue }
      let difference = try Self.relativeDifference(a, b)
      if !(difference <= Self.tolerance) { return "the first node where they part: \(node.op) '\(node.name)', by \(difference)" }
    }
    return nil
  }

  private static func relativeDifference(_ a: Tensor, _ b: Tensor) throws -> Double {
    guard a.shape == b.shape else { return .infinity }
    let (a, b) = (try a.scalars(), try b.scalars())
    let largest = b.reduce(0) { $1.magnitude.isFinite ? max($0, $1.magnitude) : $0 }
    // Equal infinities do not differ, nor do numbers that both are none.
    let difference = zip(a, b).reduce(0.0) { worst, pair in
      if pair.0 == pair.1 || (pair.0.isNaN && pair.1.isNaN) { return worst }
      let distance = (pair.0 - pair.1).magnitude
      return distance <= worst ? worst : distance
    }
    return largest > 0 ? difference / largest : difference
  }
}
