import PareKit

/// Norm of the gradient of the loss over a unit.
///
/// Scores are `|dL/dw|^p`, whose sum over a unit has the order of the p-norm.
public struct GradientNorm: ImportanceCriterion {
  public static let entry = Entry(
    name: "gradient_norm", summary: "Norm of the gradient of the loss over the unit",
    reference: "channel pruning by gradient",
    parameters: [
      .number("p", default: 2, allowed: ParameterRange(minimum: 0, includesMinimum: false), doc: "The norm: 1, 2, another positive number")
    ])
  private let p: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { p = try arguments.number("p") }
  /// The gradient of the mean loss.
  public var needs: Statistics { [.gradient] }

  /// `|g|^p` in the weight's shape.
  ///
  /// - Throws: `undeclared` or `internal` where the gradient was not collected.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    let size = try layer.gradient.abs()
    return p == 1 ? size : try size.pow(p)
  }
}
