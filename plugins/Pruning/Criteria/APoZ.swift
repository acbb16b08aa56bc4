import PareKit

/// Average percentage of zeros: channels that a ReLU silences for most inputs go first.
///
/// The score is the share of activations that are not 0, one minus equation 1 of the paper.
public struct APoZ: ImportanceCriterion {
  public static let entry = Entry(
    name: "apoz", summary: "Share of the output channel's activations that are not 0 (1 - APoZ)",
    reference: "Hu et al. 2016, \"Network Trimming: A Data-Driven Neuron Pruning Approach\", equation 1")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}
  /// Statistics of the outputs.
  public var needs: Statistics { [.activation] }

  /// One score 0...1 for each output, `[layer.units]`.
  ///
  /// - Throws: `argument` for a granularity whose units are not outputs.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    try layer.requireOutputs(Self.entry.name)
    return try 1 - layer.activation.zeros
  }
}
