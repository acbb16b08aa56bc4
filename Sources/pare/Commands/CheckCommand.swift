import ArgumentParser
import Formats
import Graph
import Runtime
import Support
import Tensor

/// `pare check`: interpreter and session on the same inputs.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Compares interpreter and session on the same inputs; exit 1 on a difference.",
    discussion: "Example: pare check net.onnx")

  /// Largest relative difference (max|a-b| / max|b|) that passes.
  private static let tolerance = 1e-4

  @Argument(help: "A model: .onnx or .pare.") var model: String
  @Option(help: "Another runtime to compare with: onnxruntime.") var against: String?
  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.apply()
    if let against { throw PareError(.unsupported, "check --against \(against) is not there yet", argument: "against") }
    let loaded = try ModelFile.load(model)
    let session = try Session(loaded, threads: Compute.threads)
    let inputs = try session.syntheticInputs()
    let actual = try session.run(inputs)
    let expected = try Interpreter(loaded).run(inputs).outputs
    var worst = 0.0
    for port in loaded.outputs {
      guard let a = actual[port.name], let b = expected[port.name] else { continue }
      let difference = try Self.relativeDifference(a, b)
      worst = max(worst, difference)
      print("\(port.name)  session against interpreter: \(difference)")
    }
    if !(worst <= Self.tolerance) {
      Console.error("check: the largest difference \(worst) is above \(Self.tolerance)")
      throw ExitCode(1)
    }
  }

  private static func relativeDifference(_ a: Tensor, _ b: Tensor) throws -> Double {
    let (a, b) = (try a.scalars(), try b.scalars())
    guard a.count == b.count else { return .infinity }
    let largest = b.reduce(0) { max($0, $1.magnitude) }
    let difference = zip(a, b).reduce(0) { max($0, ($1.0 - $1.1).magnitude) }
    return largest > 0 ? difference / largest : difference
  }
}
