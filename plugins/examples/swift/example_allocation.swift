// An allocation: how much for which layer, when the whole model is to lose a share?
import PareKit

struct ExampleAllocation: Allocation {
  static let entry = Entry(name: "example_allocation", summary: "Larger layers lose more", reference: "own")
  init(_ arguments: Arguments) throws {}

  // The share to remove, 0...1, by layer; a layer that is absent is left alone.
  func allocate(_ layers: [LayerView], share: Double, _ context: Context) throws -> [String: Double] {
    let total = layers.reduce(0) { $0 + $1.weight.count }
    guard total > 0, !layers.isEmpty else { return [:] }
    var shares: [String: Double] = [:]
    for layer in layers {
      let own = Double(layer.weight.count * layers.count) / Double(total)
      shares[layer.name] = min(0.95, share * (0.5 + 0.5 * own))
    }
    return shares
  }
}

let plugin = Plugin(ExampleAllocation.self)
