import PareKit

struct GradSign: ImportanceCriterion {
  static let entry = Entry(
    name: "grad_sign", summary: "Weight times gradient, by size", reference: "own",
    parameters: [.number("power", default: 1, in: 0...4, doc: "Exponent of the product")])
  let power: Double
  init(_ arguments: Arguments) throws { power = try arguments.number("power") }
  var needs: Statistics { [.gradient] }
  func score(_ layer: LayerView, _ context: Context) throws -> Tensor { try (layer.weight * layer.gradient).abs().pow(power) }
}

let plugin = Plugin(GradSign.self)
