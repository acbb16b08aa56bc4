import PareKit

/// Removes the least important weights or structures of a model.
///
/// Structures (`filter`, `channel`, `neuron`, `head`) are cut out of the graph with everything coupled to them, residual
/// branches (`layer`) are dropped; the other granularities hold weights at 0. Whatever is held at 0 stays there in later
/// training; with `physical` it is stored in fewer bytes (CSR, or an n:m pattern) where that is less than dense.
public struct Prune: CompressionMethod {
  private let options: PruneOptions
  private let criterion: any ImportanceCriterion
  private let allocation: (any Allocation)?
  private let schedule: any SparsitySchedule
  private let steps: Int
  private let epochs: Int
  private let rate: Double?

  /// Reads what `entry` declares. A schedule other than `one_shot` has 4 steps unless `steps` says otherwise.
  ///
  /// - Throws: `argument` unless exactly one of `sparsity`, `threshold`, `percentile` and `budget` is given (none will do with
  ///   `layers` or an n:m pattern), for an unknown granularity, and for an `allocation` beside `scope` or without
  ///   `sparsity` or `budget`; `not_found` for a table that is not kept.
  public init(_ arguments: Arguments) throws {
    options = try PruneOptions(arguments)
    criterion = try arguments.entry("criterion")
    allocation = try arguments.optionalEntry("allocation")
    schedule = try arguments.entry("schedule")
    steps = try arguments.optionalInteger("steps") ?? (schedule is OneShot ? 0 : 4)
    epochs = try arguments.integer("epochs")
    rate = try arguments.optionalNumber("lr")
    if allocation != nil {
      switch options.amount {
      case .sparsity?, .budget?: break
      default:
        throw PareError(
          .argument, "prune: an allocation shares out a sparsity or a budget", argument: "allocation",
          expected: "sparsity or budget beside it")
      }
      if arguments.isGiven("scope") {
        throw PareError(.argument, "prune: an allocation takes the place of scope", argument: "scope", expected: "one of the two")
      }
    }
  }

  /// What the criterion needs.
  public var needs: Statistics { criterion.needs }

  /// Cuts at each step of the schedule, after `epochs` of training from the second step on. Channels that are cut out are
  /// checked against the masked model.
  ///
  /// - Throws: `not_found` for a layer named in an argument that the model lacks; `argument` for a schedule outside 0...1 or a
  ///   score that is NaN; `nothing_changed` when nothing goes; `not_reached` when the amount would empty a layer; `internal`
  ///   when the masked and the shrunk model differ; what training throws.
  public func apply(_ model: Model, _ context: Context) throws -> Model {
    var current = model
    for step in 0...steps {
      if step > 0, epochs > 0 {
        current = try context.train(current, repair(context.seed))
      }
      let fraction = try schedule.value(step: step, total: steps)
      guard (0...1).contains(fraction) else {
        throw PareError(
          .argument, "prune: the schedule's value at step \(step) of \(steps)", argument: "schedule",
          expected: "a fraction 0...1", got: "\(fraction)")
      }
      let isLast = step == steps
      if fraction == 0, !isLast { continue }
      let amounts = fraction == 1 ? options : try options.scaled(fraction, of: model)
      let cut = try Cut(current, amounts, criterion, allocation, context)
      let before = current
      current = try cut.applied(to: cut.compensated(current, criterion, context), isFinal: isLast)
      if isLast { try cut.report(before, current, to: context) }
    }
    guard try current.hash() != model.hash() else {
      throw PareError(.nothingChanged, "prune removed nothing", suggestion: "ask for more, or see which layers were left alone")
    }
    return current
  }

  /// Training between the steps of a schedule, at a tenth of sgd's own learning rate unless another is given.
  private func repair(_ seed: UInt64) -> TrainingOptions {
    var options = TrainingOptions()
    options.epochs = epochs
    options.lr = rate ?? TrainingOptions.repairRate(of: options.optimizer)
    options.seed = seed
    options.title = "prune"
    return options
  }

  /// What the whole amount would take from the model at once; schedule and training are left out.
  ///
  /// - Throws: `not_found`, `argument`, `not_reached` as `apply`; `nothing_changed` when no layer can be pruned.
  public func plan(_ model: Model, _ context: Context) throws -> Plan? {
    let cut = try Cut(model, options, criterion, allocation, context)
    let after = try cut.applied(to: model, isFinal: true)
    return Plan(items: cut.items, before: try model.cost(), after: try after.cost(), skipped: cut.subject.skipped)
  }
}

/// What one step of pruning takes away, decided but not yet done.
private struct Cut {
  let subject: any PruningSubject
  private let removed: [[Bool]]

  init(
    _ model: Model, _ options: PruneOptions, _ criterion: any ImportanceCriterion, _ allocation: (any Allocation)?, _ context: Context
  ) throws {
    for name in (Array(options.keep) + options.own.keys).sorted() { _ = try model.node(named: name) }
    let views = try context.statistics(of: model, needs: criterion.needs)
    let score: (LayerView) throws -> Tensor = { layer in
      do { return try criterion.score(layer, context) } catch let error as PareError {
        throw error.located(layer: layer.name)
      }
    }
    if options.granularity == .layer {
      subject = try BranchSubject(model, views, options: options, score: score)
    } else if options.granularity.isStructure {
      subject = try ChannelSubject(model, views, options: options, score: score)
    } else {
      subject = try WeightSubject(model, views, options: options, score: score)
    }
    guard !subject.targets.isEmpty else {
      let reasons = subject.skipped.prefix(3).map { "\($0.layer) (\($0.reason))" }.joined(separator: ", ")
      throw PareError(
        .nothingChanged, "no layer has \(options.granularity.plural) that could be pruned",
        suggestion: reasons.isEmpty ? nil : "left alone: " + reasons)
    }
    if case .pattern(let kept, let of) = options.granularity, let weights = subject as? WeightSubject {
      removed = weights.patternFlags(kept: kept, of: of)
      return
    }
    let selection = try Selection(subject.targets)
    let subject = subject
    let cost: ([Int]) throws -> Double = { counts in
      guard case .budget(let budget)? = options.amount else { return 0 }
      let rest = try subject.removing(selection.removed(counts), from: model, isFinal: true)
      return try budget.quantity.value(of: rest, options.table)
    }
    let counts: [Int]
    if let allocation {
      let layers = try allocation.needs.isEmpty ? views : context.statistics(of: model, needs: allocation.needs)
      let open = Set(subject.targets.filter { $0.own == nil }.map(\.name))
      counts = try selection.counts(options.amount ?? .sparsity(0), cost: cost) { share in
        try allocation.allocate(layers.filter { open.contains($0.name) }, share: share, context)
      }
    } else {
      counts = try selection.counts(options.amount ?? .sparsity(0), scope: options.scope, cost: cost)
    }
    if case .sparsity(let ratio)? = options.amount { try Self.require(ratio, counts, subject.targets, options) }
    removed = selection.removed(counts)
  }

  /// A guard against emptied layers and rounded widths may cost a unit (or a multiple) for each target, no more.
  private static func require(_ ratio: Double, _ counts: [Int], _ targets: [Target], _ options: PruneOptions) throws {
    let open = targets.indices.filter { targets[$0].own == nil }
    let total = open.reduce(0) { $0 + targets[$1].scores.count }
    let asked = Int((ratio * Double(total)).rounded())
    let reached = open.reduce(0) { $0 + counts[$1] }
    guard reached + open.count * max(1, options.multiple) < asked else { return }
    throw PareError(
      .notReached, "the sparsity asked for would empty a layer", argument: "sparsity",
      expected: "\(asked) of \(total) \(options.granularity.plural)", got: "\(reached)")
  }

  /// The model with the weights that stay as the criterion wants them.
  func compensated(_ model: Model, _ criterion: any ImportanceCriterion, _ context: Context) throws -> Model {
    try subject.compensating(removed, in: model, criterion, context)
  }

  func applied(to model: Model, isFinal: Bool) throws -> Model {
    try subject.removing(removed, from: model, isFinal: isFinal)
  }

  var items: [Plan.Item] { subject.items(removed) }

  /// Lists what was left alone, and holds the shrunk model against the masked one.
  func report(_ before: Model, _ after: Model, to context: Context) throws {
    for skip in subject.skipped { context.skip(skip.layer, skip.reason) }
    for (target, flags) in zip(subject.targets, removed) where !flags.contains(true) {
      context.skip(target.name, "nothing of it falls under the amount asked for")
    }
    if let branches = subject as? BranchSubject, !branches.isPhysical {
      return try context.checkShrunk(masked: after, shrunk: branches.dropped(removed, from: before))
    }
    guard let channels = subject as? ChannelSubject, channels.isPhysical, try before.hash() != after.hash() else { return }
    try context.checkShrunk(
      masked: applied(to: before, isFinal: false), shrunk: after, kept: channels.kept(removed, in: before))
  }
}
