import PareKit

extension LayerView {
  /// The units of the weight, by the granularity that the view was made for.
  func unitMap() throws -> UnitMap {
    UnitMap(shape: Array(weight.shape), granularity: try Granularity(view: granularity))
  }

  /// One score per unit from one score per weight.
  func reduced(_ scores: Tensor, by reduction: Reduction) throws -> Tensor {
    let units = try unitMap().reduced(scores.scalars(), by: reduction)
    return try Tensor(units, shape: [units.count])
  }
}

extension Granularity {
  /// How a `LayerView` names the granularity: as `prune` takes it, blocks with their size (`block 16x1`).
  var viewName: String {
    switch self {
    case .weight: "weight"
    case .vector: "vector"
    case .kernel: "kernel"
    case .block(let rows, let columns): "block \(rows)x\(columns)"
    case .pattern(let kept, let of): "\(kept):\(of)"
    case .channel: "channel"
    case .filter: "filter"
    case .neuron: "neuron"
    case .head: "head"
    case .layer: "layer"
    }
  }

  init(view name: String) throws {
    guard name.hasPrefix("block ") else {
      self = try Granularity(name, block: nil)
      return
    }
    self = try Granularity("block", block: name.dropFirst(6).split(separator: "x").compactMap { Int($0) })
  }
}

extension LayerView {
  /// Whether the units are the layer's outputs, one score for each.
  var scoresOutputs: Bool { ["filter", "neuron", "head"].contains(granularity) }

  /// Refuses granularities whose units are not outputs, for criteria that know nothing else.
  func requireOutputs(_ criterion: String) throws {
    guard !scoresOutputs else { return }
    throw PareError(
      .argument, "the criterion '\(criterion)' scores whole outputs of a layer", argument: "granularity",
      expected: "filter, neuron or head", got: granularity, layer: name)
  }
}
