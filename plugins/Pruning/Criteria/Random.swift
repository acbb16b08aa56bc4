import PareKit

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
