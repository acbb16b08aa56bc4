import PareKit

/// How much the loss grows without the weight, to second order, with the empirical Fisher matrix's diagonal as curvature.
///
/// `w^2 / 2 * mean of g_n^2` over the samples, g_n the gradient of one sample's loss (equation 6 of the paper for weights).
public struct Fisher: ImportanceCriterion {
  public static let entry = Entry(
    name: "fisher", summary: "Growth of the loss without the weight, by the diagonal of the empirical Fisher matrix",
    reference: "Theis et al. 2018, \"Faster gaze prediction with dense networks and Fisher pruning\"")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}
  /// The squared gradients of single samples.
  public var needs: Statistics { [.gradientSquared] }

  /// `w^2 / 2 * E[g^2]` in the weight's shape.
  ///
  /// - Throws: `undeclared` or `internal` where the gradients were not collected.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    try layer.weight * layer.weight * layer.gradientSquared * 0.5
  }
}
