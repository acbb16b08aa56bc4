// A method: a step of a recipe, example_method{...}. A model is a value: return another one.
import PareKit

struct ExampleMethod: CompressionMethod {
  static let entry = Entry(
    name: "example_method", summary: "Sets small weights of every layer to zero", reference: "own",
    parameters: [.number("below", default: 0.01, in: 0..., doc: "Weights smaller than this share of the layer's largest")])
  let below: Double
  init(_ arguments: Arguments) throws { below = try arguments.number("below") }

  func apply(_ model: Model, _ context: Context) throws -> Model {
    var values: [String: Tensor] = [:]
    let layers = try model.layerViews()
    for (index, layer) in layers.enumerated() {
      try Interrupt.check()
      let size = try layer.weight.abs()
      let limit = try size.max().item() * below
      values[layer.weightName] = try layer.stored(Tensor.where(size.lt(limit), Tensor.scalar(0), layer.weight))
      context.progress(index + 1, layers.count)
    }
    // Layers that are left alone are said: context.skip(layer.name, "reason").
    return try model.with(values)
  }
}

let plugin = Plugin(ExampleMethod.self)
