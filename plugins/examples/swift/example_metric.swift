// A metric: how good is a model? d.test:evaluate(m, {metric="example_metric"}), compress(..., {metric="example_metric"}).
import PareKit

struct ExampleMetric: Metric {
  static let entry = Entry(name: "example_metric", summary: "Mean absolute error", reference: "own")
  init(_ arguments: Arguments) throws {}

  // Called once, with the outputs and labels of the whole split.
  func value(outputs: Tensor, labels: Tensor) throws -> Double {
    let wanted = try labels.converted(to: .f32)
    let given = outputs.shape == wanted.shape ? outputs : try outputs.argmax(axis: 1).converted(to: .f32)
    return try (given - wanted).abs().mean().item()
  }
}

let plugin = Plugin(ExampleMetric.self)
