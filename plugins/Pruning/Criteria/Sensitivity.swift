import PareKit

/// Size of the gradient of the loss: how much the loss answers to a small change of the weight.
///
/// `|dL/dw|` for the mean loss; with `per_sample` the mean over the samples of `|dL_n/dw|`, in which gradients of opposite
/// sign do not cancel.
public struct Sensitivity: ImportanceCriterion {
  public static let entry = Entry(
    name: "sensitivity", summary: "Size of the gradient of the loss with respect to the weight",
    reference: "classic sensitivity analysis",
    parameters: [.boolean("per_sample", default: false, doc: "The mean of the sizes over samples instead of the size of the mean")])
  private let isPerSample: Bool

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { isPerSample = try arguments.boolean("per_sample") }
  /// The gradient of the mean loss, or the mean size of the samples' gradients.
  public var needs: Statistics { isPerSample ? [.gradientAbsolute] : [.gradient] }

  /// The sizes in the weight's shape.
  ///
  /// - Throws: `undeclared` or `internal` where the gradient was not collected.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    try isPerSample ? layer.gradientAbsolute : layer.gradient.abs()
  }
}
