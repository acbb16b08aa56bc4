import PareKit

/// How much goes. Exactly one of these is given to `prune`.
enum Amount: Sendable {
  /// The share of units removed.
  case sparsity(Double)
  /// Units that score below this go.
  case threshold(Double)
  /// Units that score below this percentile (0...100) of the scores go.
  case percentile(Double)
  /// What may remain of a cost.
  case budget(Budget)
}

/// What may remain: up to 1 a share of the given model, above 1 an absolute amount; milliseconds are absolute.
struct Budget: Sendable {
  enum Quantity: String, Sendable, CaseIterable { case macs, parameters, bytes, latency = "latency_ms" }
  var quantity: Quantity
  var limit: Double

  /// The absolute amount that may remain of `total`.
  func allowed(of total: Double) -> Double { limit <= 1 && quantity != .latency ? limit * total : limit }
}

/// Whether each target gives the same share, or all are ranked together.
enum Scope: String, Sendable, CaseIterable { case layer, global }

/// The scores of one set of units that are ranked together: the weights of a layer, or the channels of a group.
struct Target: Sendable {
  /// The layer the target is known by.
  var name: String
  /// One score for each unit; higher means keep.
  var scores: [Double]
  /// Units that are gone already; they come first in the ranking and count as removed.
  var gone: [Bool]
  /// At least this many units stay.
  var minimum = 1
  /// The number of units that stay is a multiple of this.
  var multiple = 1
  /// The amount of this target alone, from `layers`.
  var own: Amount?

  /// Units from the one that goes first to the one that goes last: those gone, then by score, then by position.
  func ranking() throws -> [Int] {
    let order = try Selection.ascending(scores)
    guard gone.contains(true) else { return order }
    return order.filter { gone[$0] } + order.filter { !gone[$0] }
  }

  /// `count` removed units, lowered so that `minimum` stay and what stays is a multiple of `multiple`.
  func clamped(_ count: Int) -> Int {
    let total = scores.count
    var kept = max(total - count, min(minimum, total))
    if multiple > 1, total > multiple, kept < total {
      let lower = kept / multiple * multiple
      kept = kept - lower < multiple - (kept - lower) && lower >= max(minimum, 1) ? lower : lower + multiple
    }
    return max(0, total - min(kept, total))
  }
}

/// How many units of each target go, and in which order.
///
/// All scopes and amounts come down to one thing: for each target, how many of its lowest-ranked units go. Ratios are
/// exact to one unit, ties go by position, and no target is emptied.
struct Selection {
  let targets: [Target]
  private let rankings: [[Int]]

  init(_ targets: [Target]) throws {
    for target in targets {
      if let bad = target.scores.firstIndex(where: \.isNaN) {
        throw PareError(
          .argument, "the criterion's score of unit \(bad) is not a number", expected: "finite scores", got: "nan",
          layer: target.name)
      }
    }
    self.targets = targets
    rankings = try targets.map { target in
      try Interrupt.check()
      return try target.ranking()
    }
  }

  /// Which units of each target go, for `counts` removed.
  func removed(_ counts: [Int]) -> [[Bool]] {
    targets.indices.map { t in
      var flags = [Bool](repeating: false, count: targets[t].scores.count)
      for unit in rankings[t].prefix(counts[t]) { flags[unit] = true }
      return flags
    }
  }

  /// Returns how many units of each target go.
  /// - Parameter cost: what is left of the budget's quantity, in absolute terms, when so many units are removed.
  func counts(_ amount: Amount, scope: Scope, cost: (([Int]) throws -> Double)? = nil) throws -> [Int] {
    var result = targets.map { target in target.own.map { share($0, of: [target])[0] } ?? 0 }
    let open = targets.indices.filter { targets[$0].own == nil }
    switch amount {
    case .budget(let budget):
      guard let cost else { throw PareError(.internal, "a budget without a cost") }
      result = try fitted(budget, open: open, base: result, scope: scope, cost: cost)
    default:
      let wanted: [Int]
      switch scope {
      case .layer: wanted = open.map { share(amount, of: [targets[$0]])[0] }
      case .global: wanted = try globalCounts(amount, open: open)
      }
      for (position, t) in open.enumerated() { result[t] = wanted[position] }
    }
    return targets.indices.map { targets[$0].clamped(max(result[$0], targets[$0].gone.count { $0 })) }
  }

  /// How many units of each target go when an allocation says how the whole amount is shared out: those of the least share,
  /// asked of it, with which the amount is reached.
  func counts(
    _ amount: Amount, cost: @escaping ([Int]) throws -> Double, by allocate: (_ share: Double) throws -> [String: Double]
  ) throws -> [Int] {
    let open = targets.indices.filter { targets[$0].own == nil }
    func counts(_ whole: Double) throws -> [Int] {
      let shares = try allocate(whole)
      return try targets.map { target in
        var count = target.own.map { share($0, of: [target])[0] } ?? 0
        if target.own == nil, let own = shares[target.name] {
          guard (0...1).contains(own) else {
            throw PareError(
              .argument, "the allocation's share of layer '\(target.name)'", argument: "allocation", expected: "0...1",
              got: "\(own)", layer: target.name)
          }
          count = Int((own * Double(target.scores.count)).rounded())
        }
        return target.clamped(max(count, target.gone.count { $0 }))
      }
    }
    func removed(_ counts: [Int]) -> Int { open.reduce(0) { $0 + counts[$1] } }
    let isEnough: ([Int]) throws -> Bool
    switch amount {
    case .budget(let budget):
      let limit = budget.allowed(of: try cost(targets.map { $0.gone.count { $0 } }))
      isEnough = { try cost($0) <= limit }
    case .sparsity(let ratio):
      let asked = Int((ratio * Double(open.reduce(0) { $0 + targets[$1].scores.count })).rounded())
      let first = try counts(ratio)
      // Each target rounds its own share.
      if abs(removed(first) - asked) <= open.count { return first }
      isEnough = { removed($0) >= asked }
    default: throw PareError(.internal, "an allocation without a sparsity or a budget")
    }
    var (low, high) = (0.0, 1.0)
    guard try isEnough(counts(high)) else {
      throw PareError(.notReached, "the allocation does not reach the amount without emptying a layer", argument: "allocation")
    }
    for _ in 0..<20 {
      try Interrupt.check()
      let middle = (low + high) / 2
      if try isEnough(counts(middle)) { high = middle } else { low = middle }
    }
    return try counts(high)
  }

  private func globalCounts(_ amount: Amount, open: [Int]) throws -> [Int] {
    let order = try removalOrder(open: open, scope: .global)
    switch amount {
    case .sparsity(let ratio):
      let total = open.reduce(0) { $0 + targets[$1].scores.count }
      let prefix = tally(order.prefix(Int((ratio * Double(total)).rounded())))
      return open.map { prefix[$0] }
    default:
      return share(amount, of: open.map { targets[$0] })
    }
  }

  /// How many units of each of `set` an amount other than a budget takes, the set ranked as one.
  private func share(_ amount: Amount, of set: [Target]) -> [Int] {
    func below(_ limit: Double) -> [Int] { set.map { target in target.scores.count { $0 < limit } } }
    switch amount {
    case .sparsity(let ratio): return set.map { Int((ratio * Double($0.scores.count)).rounded()) }
    case .threshold(let limit): return below(limit)
    case .percentile(let percent): return below(Self.percentile(set.flatMap(\.scores), percent))
    case .budget: return set.map { _ in 0 }
    }
  }

  /// Targets in the order in which their units go. In layer scope unit r of n goes at the ratio (r + 1/2) / n, where
  /// the rounded count first reaches r + 1; so a prefix of the order is what a uniform ratio removes.
  private func removalOrder(open: [Int], scope: Scope) throws -> [Int] {
    var keys: [Double] = [], owners: [Int] = []
    for t in open {
      let target = targets[t]
      let removable = target.scores.count - min(target.minimum, target.scores.count)
      for (rank, unit) in rankings[t].prefix(removable).enumerated() {
        let key: Double
        switch scope {
        case .layer: key = (Double(rank) + 0.5) / Double(target.scores.count)
        case .global: key = target.gone[unit] ? -.infinity : target.scores[unit]
        }
        keys.append(key)
        owners.append(t)
      }
    }
    // Equal keys keep their order: by target, then by rank.
    return try Self.ascending(keys).map { owners[$0] }
  }

  /// Positions by ascending key; equal keys keep their order.
  static func ascending(_ keys: [Double]) throws -> [Int] {
    // Scores are f32 mostly, which sort faster.
    let narrow = keys.map { Float($0) }
    let isExact = zip(keys, narrow).allSatisfy { $0 == Double($1) }
    let tensor = try isExact ? Tensor(narrow, shape: [keys.count]) : Tensor(keys, shape: [keys.count])
    return try tensor.argsort().values(as: Int.self)
  }

  private func tally(_ prefix: ArraySlice<Int>) -> [Int] {
    var counts = [Int](repeating: 0, count: targets.count)
    for t in prefix { counts[t] += 1 }
    return counts
  }

  /// The fewest removals, in the scope's order, that bring the cost under the budget; found by bisection.
  private func fitted(
    _ budget: Budget, open: [Int], base: [Int], scope: Scope, cost: ([Int]) throws -> Double
  ) throws -> [Int] {
    let order = try removalOrder(open: open, scope: scope)
    func counts(_ length: Int) -> [Int] {
      let prefix = tally(order.prefix(length))
      return targets.indices.map { targets[$0].clamped(base[$0] + prefix[$0]) }
    }
    let limit = budget.allowed(of: try cost(targets.map { $0.gone.count { $0 } }))
    var low = 0
    var high = order.count
    let least = try cost(counts(high))
    guard least <= limit else {
      throw PareError(
        .notReached, "the \(budget.quantity.rawValue) budget cannot be met without emptying a layer",
        argument: "budget", expected: "at most \(budget.text(limit))", got: "\(budget.text(least)) at best")
    }
    while low < high {
      try Interrupt.check()
      let middle = (low + high) / 2
      if try cost(counts(middle)) <= limit { high = middle } else { low = middle + 1 }
    }
    return counts(low)
  }

  /// The `percent`-th percentile with linear interpolation between order statistics.
  static func percentile(_ values: [Double], _ percent: Double) -> Double {
    guard !values.isEmpty else { return -.infinity }
    let sorted = values.sorted()
    let position = min(max(percent, 0), 100) / 100 * Double(sorted.count - 1)
    let lower = Int(position.rounded(.down))
    let upper = min(lower + 1, sorted.count - 1)
    return sorted[lower] + (position - Double(lower)) * (sorted[upper] - sorted[lower])
  }
}
