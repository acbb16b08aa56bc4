import PareKit

/// Mean size of what an output channel gives, after the normalization and activation behind it.
///
/// `mean |a|` over samples and positions; behind a ReLU that is the mean activation.
public struct Activation: ImportanceCriterion {
  public static let entry = Entry(
    name: "activation", summary: "Mean size of the output channel's activations",
    reference: "Molchanov et al. 2017, \"Pruning Convolutional Neural Networks for Resource Efficient Inference\", section 2.2")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}
  /// Statistics of the outputs.
  public var needs: Statistics { [.activation] }

  /// One score for each output, `[layer.units]`.
  ///
  /// - Throws: `argument` for a granularity whose units are not outputs.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    try layer.requireOutputs(Self.entry.name)
    return try layer.activation.meanAbsolute
  }
}
