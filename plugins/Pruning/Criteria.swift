import PareKit

/// Norm of the weights of a unit.
///
/// Scores are `|w|^p`, so that summing them over a unit gives the p-th power of its p-norm, in the same order as the norm
/// itself; for `p = "inf"` a unit scores its largest weight.
public struct Magnitude: ImportanceCriterion {
  public static let entry = Entry(
    name: "magnitude", summary: "Norm of the weights of the unit",
    reference: "Han et al. 2015 (weights); Li et al. 2017 (filters, p = 1)",
    parameters: [
      ParameterSpec(
        name: "p", type: .number, default: 1, range: ParameterRange(minimum: 0, includesMinimum: false),
        choices: ["inf"], doc: "The norm: 1, 2, another positive number, or \"inf\" for the largest weight")
    ])
  private let p: Double

  /// A `p` that is no number is "inf": units score their largest weight.
  public init(_ arguments: Arguments) throws { p = try arguments.optionalNumber("p") ?? .infinity }

  /// `|w|^p` in the weight's shape; for "inf" the largest `|w|` of each unit, `[layer.units]`.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    let size = try layer.weight.abs()
    if p == 1 { return size }
    if p.isFinite { return try size.pow(p) }
    return try layer.reduced(size, by: .max)
  }
}

/// How much the loss would change without the weight, to first order: the squared product of weight and gradient.
///
/// `(w g)^2` with g the gradient of the mean loss; summed over a unit it is equation 8 of the paper. With `gate` a unit
/// scores `(sum of w g)^2`, as if it had a gate of its own behind it.
public struct Taylor: ImportanceCriterion {
  public static let entry = Entry(
    name: "taylor", summary: "Change of the loss without the unit, to first order",
    reference: "Molchanov et al. 2019, \"Importance Estimation for Neural Network Pruning\", equation 8; 2017 for gates",
    parameters: [.boolean("gate", default: false, doc: "One gate for each unit: the square of the sum instead of the sum of squares")])
  private let isGate: Bool

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { isGate = try arguments.boolean("gate") }
  /// The gradient of the mean loss.
  public var needs: Statistics { [.gradient] }

  /// `(w g)^2` in the weight's shape; with `gate` the square of the sum of `w g` over each unit, `[layer.units]`.
  ///
  /// - Throws: `undeclared` or `internal` where the gradient was not collected.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    let product = try layer.weight * layer.gradient
    guard isGate else { return try product * product }
    let gates = try layer.reduced(product, by: .sum)
    return try gates * gates
  }
}

/// The honest baseline: every weight or unit scores a random number, drawn from (seed, layer name).
public struct Random: ImportanceCriterion {
  public static let entry = Entry(
    name: "random", summary: "Random scores: the baseline that a criterion has to beat", reference: "own",
    parameters: [.integer("seed", in: 0..., optional: true, doc: "Default: the recipe's seed")])
  private let seed: Int?

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { seed = try arguments.optionalInteger("seed") }

  /// Uniform numbers `[layer.units]`. The seed is the recipe's unless the entry was given its own.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    var random = RandomSource(seed: seed.map(UInt64.init) ?? context.seed, name: "prune.random." + layer.name)
    return try Tensor((0..<layer.units).map { _ in random.uniform() }, shape: [layer.units])
  }
}

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
