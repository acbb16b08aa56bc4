import PareKit

/// What a neuron weighs and what it says: the norm of its weights plus its mean absolute activation, both as shares of the
/// layer's largest.
public struct Combined: ImportanceCriterion {
  public static let entry = Entry(
    name: "combined", summary: "Norm of the output's weights plus its mean absolute activation, each over the layer's largest",
    reference: "classic importance scoring",
    parameters: [
      .number("balance", default: 1, in: 0..., doc: "Factor of the activation"),
      .number("p", default: 2, allowed: ParameterRange(minimum: 0, includesMinimum: false), doc: "The norm of the weights"),
    ])
  private let balance: Double
  private let p: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    balance = try arguments.number("balance")
    p = try arguments.number("p")
  }
  /// Statistics of the outputs.
  public var needs: Statistics { [.activation] }

  /// One score for each output, `[layer.units]`, in 0...1 + balance.
  ///
  /// - Throws: `argument` for a granularity whose units are not outputs.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    try layer.requireOutputs(Self.entry.name)
    let norms = try layer.reduced(layer.weight.abs().pow(p), by: .sum).pow(1 / p)
    return try norms.overLargest() + layer.activation.meanAbsolute.converted(to: norms.dtype).overLargest() * balance
  }
}

extension Tensor {
  /// Divides by the largest element; zeros stay zeros.
  fileprivate func overLargest() throws -> Tensor {
    let largest = try max().item()
    return largest > 0 ? try self / largest : self
  }
}
