import PareKit

/// Distance to the geometric median: filters near it can be stood in for by the others.
///
/// The score of a filter is the sum of its Euclidean distances to all filters of the layer (equation 6 of the paper).
public struct FPGM: ImportanceCriterion {
  public static let entry = Entry(
    name: "fpgm", summary: "Sum of the distances to the layer's other filters: those nearest to the geometric median go",
    reference: "He et al. 2019, \"Filter Pruning via Geometric Median for Deep Convolutional Neural Networks Acceleration\", equation 6")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}

  /// One score for each output, or for each input with `granularity="channel"`: `[layer.units]`, in f64.
  ///
  /// - Throws: `argument` for units of another kind.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    let isInput = layer.granularity == "channel"
    if !isInput { try layer.requireOutputs(Self.entry.name) }
    let weight = try layer.weight.converted(to: .f64), units = weight.shape[isInput ? 1 : 0]
    let rows = try (isInput ? weight.transposed(0, 1).contiguous() : weight).reshaped([units, weight.count / max(1, units)])
    let squares = try (rows * rows).sum(axes: [1])
    // |a - b|^2 = |a|^2 + |b|^2 - 2 a b; rounding may take equal rows a little below 0.
    let distances = try squares.reshaped([units, 1]) + squares.reshaped([1, units]) - rows.matmul(rows.transposed(0, 1)) * 2
    return try distances.clip(min: 0).sqrt().sum(axes: [1])
  }
}
