import PareKit

/// How much the loss would change without the weight, to first order: the squared product of weight and gradient.
///
/// `(w g)^2` with g the gradient of the mean loss; summed over a unit it is equation 8 of the paper. With `gate` a unit
/// scores `(sum of w g)^2`, as if it had a gate of its own behind it.
public struct Taylor: ImportanceCriterion {
  public static let entry = Entry(
    name: "taylor", summary: "Change of the loss without the unit, to first order",
    reference: "Molchanov et al. 2019, \"Importance Estimation for Neural Network Pruning\", equation 8; 2017 for gates",
    parameters: [.boolean("gate", default: false, doc: "One gate for each unit: the square of the sum instead of the sum of squares")])
  private let isGate: Bool

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { isGate = try arguments.boolean("gate") }
  /// The gradient of the mean loss.
  public var needs: Statistics { [.gradient] }

  /// `(w g)^2` in the weight's shape; with `gate` the square of the sum of `w g` over each unit, `[layer.units]`.
  ///
  /// - Throws: `undeclared` or `internal` where the gradient was not collected.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    let product = try layer.weight * layer.gradient
    guard isGate else { return try product * product }
    let gates = try layer.reduced(product, by: .sum)
    return try gates * gates
  }
}
