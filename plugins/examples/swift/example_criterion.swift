// A criterion: how important is each weight? Use it as prune{criterion="example_criterion", sparsity=0.5}.
import PareKit

struct ExampleCriterion: ImportanceCriterion {
  static let entry = Entry(
    name: "example_criterion", summary: "Weight times gradient, by size", reference: "own",
    parameters: [.number("power", default: 1, in: 0...4, doc: "Exponent of the product")])
  let power: Double
  init(_ arguments: Arguments) throws { power = try arguments.number("power") }

  // Reading a statistic that is not declared here is an error.
  var needs: Statistics { [.gradient] }

  // Higher means keep. A tensor of the weight's shape, or one score per unit: [layer.units].
  func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    try (layer.weight * layer.gradient).abs().pow(power)
  }
}

let plugin = Plugin(ExampleCriterion.self)
