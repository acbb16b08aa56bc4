import PareKit

/// Residual branches, which are dropped as a whole; their shortcuts stay.
///
/// A branch's score joins those of its layers, each one score of all its weights.
struct BranchSubject: PruningSubject {
  private let options: PruneOptions
  private let branches: [ResidualBranch]
  private(set) var targets: [Target] = []
  private(set) var skipped: [Skip] = []
  var isPhysical: Bool { options.isPhysical }

  init(_ model: Model, _ views: [LayerView], options: PruneOptions, score: (LayerView) throws -> Tensor) throws {
    self.options = options
    guard options.own.isEmpty else {
      throw PareError(
        .argument, "prune: branches are ranked together", argument: "layers", expected: "no amounts of single layers",
        suggestion: "keep={...} leaves branches alone, by any of their layers")
    }
    let views = Dictionary(views.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var chosen: [ResidualBranch] = [], scores: [Double] = [], gone: [Bool] = []
    for branch in try model.residualBranches() {
      try Interrupt.check()
      let members = branch.layers.compactMap { views[$0] }
      if let kept = ([branch.name] + branch.layers).first(where: options.keep.contains) {
        skipped.append(Skip(layer: branch.name, reason: kept == branch.name ? "kept as asked" : "'\(kept)' is kept as asked"))
      } else if let reason = branch.blocked {
        skipped.append(Skip(layer: branch.name, reason: reason))
      } else if members.isEmpty {
        skipped.append(Skip(layer: branch.name, reason: "no layer of it has a weight that could be scored"))
      } else {
        chosen.append(branch)
        scores += options.aggregation.joined(try members.map { [try Self.score($0, options, score)] })
        gone.append(try branch.parameters.allSatisfy { try model.parameter(named: $0).value.mask().map { try $0.countNonzero() == 0 } ?? false })
      }
    }
    branches = chosen
    if !chosen.isEmpty { targets = [Target(name: "residual branches", scores: scores, gone: gone, minimum: 0)] }
  }

  /// One score for a whole layer.
  private static func score(_ view: LayerView, _ options: PruneOptions, _ score: (LayerView) throws -> Tensor) throws -> Double {
    var view = view
    view.granularity = options.granularity.viewName
    view.units = 1
    let scored = try score(view)
    if scored.count == 1 { return try scored.item() }
    guard scored.shape == view.weight.shape else { throw scoreShape(scored, view) }
    return UnitMap(shape: Array(view.weight.shape), granularity: .layer).reduced(try scored.scalars(), by: options.reduction)[0]
  }

  private func chosen(_ flags: [[Bool]]) -> [ResidualBranch] { zip(branches, flags.first ?? []).compactMap { $1 ? $0 : nil } }

  func removing(_ flags: [[Bool]], from model: Model, isFinal: Bool) throws -> Model {
    guard isFinal, options.isPhysical else { return try model.masked(chosen(flags)) }
    return try dropped(flags, from: model)
  }

  /// The model without the branches, whether they are to be masked or not.
  func dropped(_ flags: [[Bool]], from model: Model) throws -> Model { try model.dropping(chosen(flags)) }

  func action(_ removed: Int, of total: Int) -> String {
    "\(options.isPhysical ? "drop" : "mask") \(removed) of \(total) \(options.granularity.plural)"
  }

  func items(_ flags: [[Bool]]) -> [Plan.Item] {
    zip(branches, flags.first ?? []).map { branch, goes in
      Plan.Item(
        layer: branch.name, action: goes ? "\(options.isPhysical ? "drop" : "mask") \(branch.layers.joined(separator: ", "))" : "keep",
        removed: goes ? 1 : 0, units: 1)
    }
  }
}
