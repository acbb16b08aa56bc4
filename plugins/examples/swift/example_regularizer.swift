// A regularizer: what is added to the loss while training, to make compression cheaper later?
import PareKit

struct ExampleRegularizer: Regularizer {
  static let entry = Entry(
    name: "example_regularizer", summary: "Sum of absolute weights", reference: "own",
    parameters: [.number("strength", default: 1e-4, in: 0..., doc: "Factor of the sum")])
  let strength: Double
  init(_ arguments: Arguments) throws { strength = try arguments.number("strength") }

  func value(_ parameters: [String: Tensor], of model: Model) throws -> Tensor {
    var sum = try Tensor.scalar(0)
    for name in parameters.keys.sorted() where name.hasSuffix("weight") {
      if let weight = parameters[name] { sum = try sum + weight.abs().sum() }
    }
    return try sum * strength
  }
}

let plugin = Plugin(ExampleRegularizer.self)
