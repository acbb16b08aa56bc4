import PareKit

/// What is pruned: sets of units that can be scored, counted and taken out of a model.
protocol PruningSubject {
  /// The sets of units, in graph order, scored.
  var targets: [Target] { get }
  /// What is left alone, with the reason.
  var skipped: [Skip] { get }
  /// Returns the model with the weights that stay as the criterion wants them once the flagged units are gone.
  func compensating(_ flags: [[Bool]], in model: Model, _ criterion: any ImportanceCriterion, _ context: Context) throws -> Model
  /// Returns the model without the units whose flag is set (one flag list for each target).
  func removing(_ flags: [[Bool]], from model: Model, isFinal: Bool) throws -> Model
  /// What happens to a target, in words.
  func action(_ removed: Int, of total: Int) -> String
  /// What a plan lists.
  func items(_ flags: [[Bool]]) -> [Plan.Item]
}

extension PruningSubject {
  func compensating(_ flags: [[Bool]], in model: Model, _ criterion: any ImportanceCriterion, _ context: Context) throws -> Model { model }

  func items(_ flags: [[Bool]]) -> [Plan.Item] {
    zip(targets, flags).map { target, flags in
      // An n:m pattern has single weights as units, so flags and units agree for every granularity.
      let count = flags.count { $0 }
      return Plan.Item(layer: target.name, action: action(count, of: flags.count), removed: count, units: flags.count)
    }
  }
}

/// Weights, and groups of weights, that are masked.
struct WeightSubject: PruningSubject {
  private let options: PruneOptions
  private let views: [LayerView]
  private let maps: [UnitMap]
  private let scores: [[Double]]
  private(set) var targets: [Target] = []
  private(set) var skipped: [Skip] = []

  init(_ model: Model, _ views: [LayerView], options: PruneOptions, score: (LayerView) throws -> Tensor) throws {
    self.options = options
    var kept: [LayerView] = []
    var maps: [UnitMap] = []
    var elementScores: [[Double]] = []
    for var view in views {
      try Interrupt.check()
      if options.keep.contains(view.name) {
        skipped.append(Skip(layer: view.name, reason: "kept as asked"))
        continue
      }
      if options.amount == nil, options.own[view.name] == nil { continue }
      let shape = Array(view.weight.shape)
      if let reason = options.granularity.refusal(of: shape) {
        skipped.append(Skip(layer: view.name, reason: reason))
        continue
      }
      let map = UnitMap(shape: shape, granularity: options.granularity)
      view.granularity = options.granularity.viewName
      view.units = map.count
      let scored = try score(view)
      let mask = try model.parameter(named: view.weightName).value.mask()
      let gone = try mask.map { mask in
        try map.all(view.viewed(mask).values(as: Bool.self).map { !$0 })
      } ?? [Bool](repeating: false, count: map.count)
      var elements: [Double] = []
      let units: [Double]
      if scored.shape == view.weight.shape {
        elements = try scored.scalars()
        units = map.reduced(elements, by: options.reduction)
      } else if scored.count == map.count, options.granularity.kind != .pattern {
        units = try scored.scalars()
      } else {
        throw scoreShape(scored, view)
      }
      kept.append(view)
      maps.append(map)
      elementScores.append(elements)
      targets.append(Target(name: view.name, scores: units, gone: gone, own: options.own[view.name]))
    }
    self.views = kept
    self.maps = maps
    scores = elementScores
  }

  func action(_ removed: Int, of total: Int) -> String { "mask \(removed) of \(total) \(options.granularity.plural)" }

  /// Which weights stay.
  private func kept(_ flags: [[Bool]], _ index: Int) throws -> Tensor {
    try Tensor(maps[index].spread(flags[index]).map { !$0 }, shape: views[index].weight.shape)
  }

  func compensating(_ flags: [[Bool]], in model: Model, _ criterion: any ImportanceCriterion, _ context: Context) throws -> Model {
    var result = model
    for (index, view) in views.enumerated() where flags[index].contains(true) {
      try Interrupt.check()
      guard let weight = try criterion.compensated(view, kept: kept(flags, index), context) else { continue }
      guard weight.shape == view.weight.shape else { throw scoreShape(weight, view) }
      let value = try result.parameter(named: view.weightName).value
      result.parameters[view.weightName]?.value = try value.updated(from: view.stored(weight.converted(to: view.weight.dtype)))
    }
    return result
  }

  func removing(_ flags: [[Bool]], from model: Model, isFinal: Bool) throws -> Model {
    var result = model
    for (index, view) in views.enumerated() where flags[index].contains(true) {
      let mask = try kept(flags, index)
      let masked = try result.parameter(named: view.weightName).value.masked(view.stored(mask))
      result.parameters[view.weightName]?.value =
        isFinal && options.isPhysical ? try masked.smallest(options.granularity, outputs: view.isTransposed ? 1 : 0) : masked
    }
    return result
  }

  /// The flags of an n:m pattern, which leave no choice of the amount.
  func patternFlags(kept: Int, of: Int) -> [[Bool]] {
    views.indices.map { index in
      patternMask(scores[index], shape: Array(views[index].weight.shape), kept: kept, of: of).map { !$0 }
    }
  }
}

/// Channels that are cut out of the graph, with all that depends on them.
struct ChannelSubject: PruningSubject {
  private let options: PruneOptions
  private let groups: [ChannelGroup]
  var isPhysical: Bool { options.isPhysical }
  private(set) var targets: [Target] = []
  private(set) var skipped: [Skip] = []

  init(_ model: Model, _ views: [LayerView], options: PruneOptions, score: (LayerView) throws -> Tensor) throws {
    self.options = options
    let views = Dictionary(views.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var scored: [String: [Double]] = [:]
    var chosen: [ChannelGroup] = []
    for group in try model.groups() {
      try Interrupt.check()
      let couplings = options.granularity == .channel ? group.consumers : group.producers
      let members = couplings.compactMap { coupling in
        views[coupling.layer].flatMap { $0.weightName == coupling.parameter ? ($0, coupling) : nil }
      }
      guard !members.isEmpty else { continue }
      let own = members.lazy.compactMap { options.own[$0.0.name] }.first
      if options.amount == nil, own == nil { continue }
      if let reason = Self.refusal(of: group, members.map(\.0), options, isNamed: own != nil) {
        skipped.append(Skip(layer: group.name, reason: reason))
        continue
      }
      var joined: [[Double]] = []
      for (view, coupling) in members {
        if scored[view.name] == nil { scored[view.name] = try Self.channelScores(view, options, score) }
        guard let scores = scored[view.name] else { continue }
        joined.append(
          group.units.map { unit in
            (unit.slice(of: coupling.parameter, axis: coupling.axis)?.indices ?? []).reduce(0) { $0 + scores[$1] }
          })
      }
      chosen.append(group)
      targets.append(
        Target(
          name: group.name, scores: options.aggregation.joined(joined), gone: try Self.gone(group, members, model),
          multiple: options.multiple, own: own))
    }
    groups = chosen
  }

  private static func refusal(
    of group: ChannelGroup, _ members: [LayerView], _ options: PruneOptions, isNamed: Bool
  ) -> String? {
    if let reason = group.blocked { return reason }
    let names = group.layers + (options.granularity == .channel ? group.consumers.map(\.layer) : [])
    if let kept = names.first(where: options.keep.contains) {
      return kept == group.name ? "kept as asked" : "coupled with '\(kept)', which is kept as asked"
    }
    let linear = members.allSatisfy { ["Gemm", "MatMul"].contains($0.op) }
    switch options.granularity {
    case .filter where linear && !isNamed: return "its outputs are neurons, not filters; granularity=\"neuron\" takes them"
    case .head where !group.isHeads: return "its outputs are no heads of an attention"
    case .neuron where !linear && !isNamed: return "its outputs are filters, not neurons; granularity=\"filter\" takes them"
    default: return nil
    }
  }

  /// One score for each output (or input) channel of a layer.
  private static func channelScores(
    _ view: LayerView, _ options: PruneOptions, _ score: (LayerView) throws -> Tensor
  ) throws -> [Double] {
    var view = view
    let map = UnitMap(shape: Array(view.weight.shape), granularity: options.granularity)
    view.granularity = options.granularity.viewName
    view.units = map.count
    let scored = try score(view)
    if scored.shape == view.weight.shape { return map.reduced(try scored.scalars(), by: options.reduction) }
    guard scored.count == map.count else { throw scoreShape(scored, view) }
    return try scored.scalars()
  }

  /// Units all of whose rows (or columns) are masked already.
  private static func gone(
    _ group: ChannelGroup, _ members: [(LayerView, Coupling)], _ model: Model
  ) throws -> [Bool] {
    var gone = [Bool](repeating: true, count: group.units.count)
    for (_, coupling) in members {
      guard let mask = try model.parameter(named: coupling.parameter).value.mask() else {
        return [Bool](repeating: false, count: group.units.count)
      }
      let others = (0..<mask.rank).filter { $0 != coupling.axis }
      let alive = try mask.converted(to: .f32).max(axes: others).values(as: Float.self)
      for (index, unit) in group.units.enumerated() {
        let indices = unit.slice(of: coupling.parameter, axis: coupling.axis)?.indices ?? []
        if indices.contains(where: { alive[$0] != 0 }) { gone[index] = false }
      }
    }
    return gone
  }

  func action(_ removed: Int, of total: Int) -> String {
    "\(options.isPhysical ? "remove" : "mask") \(removed) of \(total) \(options.granularity.plural)"
  }

  /// The units, as the model's cut takes them.
  func selection(_ flags: [[Bool]]) -> [UnitSelection] {
    zip(groups, flags).compactMap { group, flags in
      flags.contains(true) ? UnitSelection(group: group.index, units: flags.indices.filter { flags[$0] }) : nil
    }
  }

  /// Which output channels each producer keeps, by layer.
  func kept(_ flags: [[Bool]], in model: Model) throws -> [String: [Int]] {
    var removed: [String: Set<Int>] = [:]
    var sizes: [String: Int] = [:]
    for (group, flags) in zip(groups, flags) where flags.contains(true) {
      for coupling in group.producers {
        sizes[coupling.layer] = try model.parameter(named: coupling.parameter).shape[coupling.axis]
        for (unit, gone) in zip(group.units, flags) where gone {
          removed[coupling.layer, default: []]
            .formUnion(unit.slice(of: coupling.parameter, axis: coupling.axis)?.indices ?? [])
        }
      }
    }
    return removed.reduce(into: [:]) { kept, layer in
      kept[layer.key] = (0..<(sizes[layer.key] ?? 0)).filter { !layer.value.contains($0) }
    }
  }

  func removing(_ flags: [[Bool]], from model: Model, isFinal: Bool) throws -> Model {
    guard isFinal, options.isPhysical else { return try model.masked(selection(flags)) }
    return try model.pruned(selection(flags)).withoutIdleMasks()
  }
}

func scoreShape(_ score: Tensor, _ view: LayerView) -> PareError {
  PareError(
    .shape, "the criterion's score of layer '\(view.name)'", expected: "\(Array(view.weight.shape)) or [\(view.units)]",
    got: "\(Array(score.shape))", layer: view.name)
}

extension Granularity {
  enum Kind { case pattern, other }
  var kind: Kind { if case .pattern = self { .pattern } else { .other } }

  var plural: String {
    switch self {
    case .weight, .pattern: "weights"
    case .vector: "vectors"
    case .kernel: "kernels"
    case .block: "blocks"
    case .channel: "channels"
    case .filter: "filters"
    case .neuron: "neurons"
    case .head: "heads"
    case .layer: "residual branches"
    }
  }

  /// Why a weight of that shape has no such units; nil when it has.
  func refusal(of shape: [Int]) -> String? {
    switch self {
    case .vector, .kernel:
      return shape.count < 3 ? "a linear layer has no kernels" : nil
    case .pattern(_, let of):
      guard shape.count > 1, shape[1] >= of else { return "fewer than \(of) input channels" }
      return nil
    default: return nil
    }
  }
}

extension LayerView {
  /// Takes a tensor in the graph's layout to the weight's; the inverse of `stored`.
  func viewed(_ tensor: Tensor) throws -> Tensor {
    isTransposed ? try tensor.transposed(0, 1).contiguous() : try tensor.contiguous()
  }
}
