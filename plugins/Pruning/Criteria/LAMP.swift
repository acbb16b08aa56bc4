import PareKit

/// Layer-adaptive magnitude: the share of a weight's square in what would be left of its layer if it went last.
///
/// `w_u^2 / sum of w_v^2 over v >= u` in ascending order of size (equation 3 of the paper). The largest weight of every layer
/// scores 1, so that one ranking over the model (`scope="global"`) finds the layers' shares.
public struct LAMP: ImportanceCriterion {
  public static let entry = Entry(
    name: "lamp", summary: "Layer-adaptive magnitude: the weight's square over those of its layer that are no smaller",
    reference: "Lee et al. 2021, \"Layer-Adaptive Sparsity for the Magnitude-Based Pruning\", equation 3")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}

  /// Scores 0...1 in the weight's shape, f64; of larger units in `[layer.units]`, by the sums of their squares.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    let squares = try layer.weight.converted(to: .f64).square()
    let isSingle = layer.units == layer.weight.count
    let units = try isSingle ? squares.reshaped([squares.count]) : layer.reduced(squares, by: .sum)
    let order = try units.argsort()
    // What is left once all before it are gone, summed from the smallest end's other side: no difference of large sums.
    let left = try units.gather(axis: 0, indices: order).flipped(axis: 0).cumsum(axis: 0).flipped(axis: 0)
    let remaining = try Tensor.zeros(left.shape, .f64).scatterElements(axis: 0, indices: order, values: left)
    let scores = try Tensor.where(remaining.gt(0), units / remaining, Tensor.scalar(0, .f64))
    return isSingle ? try scores.reshaped(layer.weight.shape) : scores
  }
}
