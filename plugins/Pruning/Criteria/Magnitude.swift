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
