import Graph
import OrderedCollections
import Support

/// Models that no other one beats in every objective, as a search leaves them.
///
/// `accuracy` is maximized, every other objective minimized. Points are sorted by the first minimized objective.
public struct Front: Sendable {
  /// A model that was found, and what is known of it.
  public struct Point: Sendable {
    /// The model as it was measured.
    public var model: Model
    /// What was chosen, by key of the search space.
    public var candidate: OrderedDictionary<String, Value>
    /// By objective: accuracy 0...1 (validation), bytes, macs, parameters.
    public var values: [String: Double]

    /// A model with the choices that made it and its measured values.
    public init(model: Model, candidate: OrderedDictionary<String, Value>, values: [String: Double]) {
      self.model = model
      self.candidate = candidate
      self.values = values
    }

    /// Accuracy on the validation part, 0...1; nil where it was not measured.
    public var accuracy: Double? { values["accuracy"] }
    /// What the parameters take in the saved `.pare`; nil where it was not measured.
    public var bytes: Double? { values["bytes"] }
    /// Multiply-accumulates at batch 1; nil where they were not measured.
    public var macs: Double? { values["macs"] }
  }

  /// What candidates are compared in: names of `Point.values`.
  public let objectives: [String]
  /// The candidates that no other one dominates.
  public private(set) var points: [Point]
  /// The number of candidates that were evaluated.
  public private(set) var evaluated: Int

  /// A front without points.
  public init(objectives: [String]) {
    self.objectives = objectives
    points = []
    evaluated = 0
  }

  /// True when `a` is at least as good as `b` in every objective and better in one.
  public static func dominates(_ a: [String: Double], _ b: [String: Double], _ objectives: [String]) -> Bool {
    var better = false
    for objective in objectives {
      guard let x = a[objective], let y = b[objective] else { return false }
      let gain = objective == "accuracy" ? x - y : y - x
      if gain < 0 { return false }
      if gain > 0 { better = true }
    }
    return better
  }

  /// Takes in a candidate; it stays when no other one dominates it. Of equal ones the first stays.
  ///
  /// - Throws: `argument` when an objective is missing or not a number.
  @discardableResult
  public mutating func insert(_ point: Point) throws -> Bool {
    for objective in objectives where !(point.values[objective]?.isFinite ?? false) {
      throw PareError(
        .argument, "a candidate has no value for the objective '\(objective)'", argument: objective,
        got: point.values[objective].map { "\($0)" } ?? "nothing")
    }
    evaluated += 1
    for other in points {
      let equal = objectives.allSatisfy { other.values[$0] == point.values[$0] }
      if equal || Self.dominates(other.values, point.values, objectives) { return false }
    }
    points.removeAll { Self.dominates(point.values, $0.values, objectives) }
    points.append(point)
    let key = objectives.first { $0 != "accuracy" } ?? "accuracy"
    points.sort { ($0.values[key] ?? 0) < ($1.values[key] ?? 0) }
    return true
  }

  /// Returns the most accurate point under the limits (`["bytes": 20000]`, `["accuracy": 0.9]` is a floor).
  ///
  /// Where accuracy is no objective or equal, the point that is least in the first objective wins.
  /// - Throws: `argument` for an unknown objective, `not_reached` when no point is under the limits.
  public func best(under limits: [String: Double] = [:]) throws -> Point {
    for name in limits.keys.sorted() where !(points.first?.values.keys.contains(name) ?? objectives.contains(name)) {
      throw PareError(
        .argument, "'\(name)' is not an objective of this front", argument: name,
        suggestion: Suggestion.didYouMean(name, among: objectives) ?? "it has \(objectives.joined(separator: ", "))")
    }
    let allowed = points.filter { point in
      limits.allSatisfy { name, limit in
        guard let value = point.values[name] else { return false }
        return name == "accuracy" ? value >= limit : value <= limit
      }
    }
    let key = objectives.first { $0 != "accuracy" } ?? "accuracy"
    let best = allowed.max { a, b in
      let x = a.accuracy ?? 0, y = b.accuracy ?? 0
      return x != y ? x < y : (a.values[key] ?? 0) > (b.values[key] ?? 0)
    }
    guard let best else {
      let wanted = limits.sorted { $0.key < $1.key }.map { "\($0.key) \($0.key == "accuracy" ? ">=" : "<=") \(Value.text(of: $0.value))" }
      let nearest = limits.keys.sorted().map { name in
        let values = points.compactMap { $0.values[name] }
        let extreme = name == "accuracy" ? values.max() : values.min()
        return "\(name) \(extreme.map(Value.text(of:)) ?? "none")"
      }
      throw PareError(
        .notReached, "no candidate of the front is under the budget", expected: wanted.joined(separator: ", "),
        got: "at best \(nearest.joined(separator: ", "))")
    }
    return best
  }
}
