import ArgumentParser
import Compression
import Formats
import Graph
import Runtime
import Support
import Tensor
import Training

/// `pare eval`: accuracy and loss on a split.
struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval", abstract: "Measures a model on a data set.",
    discussion: "Example: pare eval net.onnx --data cifar10 --data-dir data/cifar10")

  enum Split: String, ExpressibleByArgument, CaseIterable { case test, validation, train }

  @Argument(help: "A model: .onnx or .pare.") var model: String
  @OptionGroup var data: DataOptions
  @Option(help: "The split to measure.") var split = Split.test
  @Option(help: "The metric that is the value.") var metric = "accuracy"
  @Flag(help: "Prints one JSON document.") var json = false
  @OptionGroup var options: GlobalOptions

  func run() throws {
    let environment = try options.start()
    defer { withExtendedLifetime(environment) {} }
    let measured = try metricFunction()
    let loaded = try ModelFile.load(model)
    let set = try data.load(for: loaded)
    let part =
      switch split {
      case .test: set.test
      case .validation: set.validation
      case .train: set.train
      }
    guard loaded.inputs.count == 1, let input = loaded.inputs.first else {
      throw PareError(.unsupported, "eval: a model with several inputs", got: loaded.inputs.map(\.name).joined(separator: ", "))
    }
    let session = try Session(loaded, threads: Compute.threads, shapes: [input.name: [256] + set.inputShape])
    let result = try evaluate(
      loaded, on: part, metric: measured, batch: 256, title: "eval", run: { try session($0) })
    if json {
      try JSON.print(
        Report(
          value: result.value, accuracy: result.accuracy, top5: result.top5, loss: result.loss, samples: result.samples,
          perClass: result.perClass, metric: metric, split: split.rawValue))
      return
    }
    print("\(split.rawValue) \(data.data), \(Format.count(result.samples)) samples")
    print("accuracy  \(Format.decimal(result.accuracy * 100, 2)) %")
    if metric != "accuracy" { print("\(metric)  \(result.value)") }
    print("loss      \(Format.decimal(result.loss, 4))")
  }

  /// The registered metric by that name; accuracy is what `evaluate` counts by itself.
  private func metricFunction() throws -> ((Tensor, Tensor) throws -> Double)? {
    guard metric != "accuracy" else { return nil }
    let known = ["accuracy"] + Registry.shared.list(.metric).map(\.name)
    guard known.contains(metric) else {
      throw PareError(
        .notFound, "no metric is called '\(metric)'", argument: "metric", expected: known.joined(separator: ", "),
        suggestion: Suggestion.didYouMean(metric, among: known))
    }
    let found = try Registry.shared.make(.metric, metric, as: (any Metric).self)
    return { try found.value(outputs: $0, labels: $1) }
  }

  private struct Report: Encodable {
    let value, accuracy, top5, loss: Double
    let samples: Int
    let perClass: [Double]
    let metric, split: String
  }
}
