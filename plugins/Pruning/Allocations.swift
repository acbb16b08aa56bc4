import PareKit

/// Every layer loses the same share.
public struct UniformAllocation: Allocation {
  public static let entry = Entry(name: "uniform", summary: "Every layer loses the same share")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}

  /// `share` for every layer.
  public func allocate(_ layers: [LayerView], share: Double, _ context: Context) throws -> [String: Double] {
    Dictionary(layers.map { ($0.name, share) }, uniquingKeysWith: { first, _ in first })
  }
}

/// Erdos-Renyi-Kernel: what stays of a layer is in proportion to the sum of its sizes over their product.
///
/// Layers that would keep more than they have stay whole, and the others make up for it (section 3 of the paper).
public struct ErdosRenyi: Allocation {
  public static let entry = Entry(
    name: "erdos_renyi", summary: "Small layers keep more: the sum of a layer's sizes over their product",
    reference: "Mocanu et al. 2018; Evci et al. 2020, \"Rigging the Lottery\", section 3")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}

  /// `1 - factor * density` for each layer, with one factor for all and density the sum of its weight's sizes over their
  /// product; 0 for a layer that stays whole.
  public func allocate(_ layers: [LayerView], share: Double, _ context: Context) throws -> [String: Double] {
    let sizes = layers.map { Double($0.weight.count) }
    let densities = layers.map { $0.weight.shape.reduce(0.0) { $0 + Double($1) } / max(1, Double($0.weight.count)) }
    let left = (1 - share) * sizes.reduce(0, +)
    var whole = [Bool](repeating: false, count: layers.count)
    var factor = 0.0
    while whole.contains(false) {
      var kept = left, open = 0.0
      for i in layers.indices { if whole[i] { kept -= sizes[i] } else { open += densities[i] * sizes[i] } }
      factor = max(0, kept / max(open, .leastNormalMagnitude))
      let full = layers.indices.filter { !whole[$0] && factor * densities[$0] >= 1 }
      if full.isEmpty { break }
      for i in full { whole[i] = true }
    }
    var shares: [String: Double] = [:]
    for i in layers.indices { shares[layers[i].name] = whole[i] ? 0 : 1 - factor * densities[i] }
    return shares
  }
}
