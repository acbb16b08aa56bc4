import PareKit

/// Size of the scale of the batch normalization behind the layer.
///
/// Network Slimming trains with an L1 penalty on the scales (the regularizer `bn_l1`) and removes channels with small ones.
public struct BatchNormScale: ImportanceCriterion {
  public static let entry = Entry(
    name: "bn_scale", summary: "Size of the batch-norm scale behind the output channel",
    reference: "Liu et al. 2017, \"Learning Efficient Convolutional Networks through Network Slimming\"")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}

  /// `|gamma|` for each output, `[layer.units]`.
  ///
  /// - Throws: `argument` for a granularity whose units are not outputs, and for a layer without a batch normalization behind it.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    try layer.requireOutputs(Self.entry.name)
    guard let scale = layer.batchNorm?.scale else {
      throw PareError(
        .argument, "the criterion 'bn_scale' needs a batch normalization right behind the layer", argument: "criterion",
        expected: "one behind each layer that is scored", got: "none", suggestion: "keep={\"\(layer.name)\"}", layer: layer.name)
    }
    return try scale.abs()
  }
}
