// A proxy: what does a candidate look like before it is trained? Higher promises more accuracy.
import PareKit

struct ExampleProxy: Proxy {
  static let entry = Entry(name: "example_proxy", summary: "The logarithm of the parameters", reference: "own")
  init(_ arguments: Arguments) throws {}

  func score(_ model: Model, _ context: Context) throws -> Double {
    var parameters = Double(try model.storageCost().parameters), score = 0.0
    while parameters >= 2 {
      parameters /= 2
      score += 1
    }
    return score
  }
}

let plugin = Plugin(ExampleProxy.self)
