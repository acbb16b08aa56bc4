import PareKit

/// Of the criteria that ask what the other weights can make up for.
let dampingParameter = ParameterSpec.number(
  "damping", default: 0.01, allowed: ParameterRange(minimum: 0, includesMinimum: false),
  doc: "Share of the mean diagonal that is added to the diagonal")

extension LayerView {
  /// Squared weights over a number for each column.
  func scores(_ damping: Double, _ divisors: (InverseHessian) throws -> [Float]) throws -> Tensor {
    let inverses = try inverseHessians(damping: damping, isOrdered: false)
    let columns = try inverses.map { try Tensor(divisors($0), shape: [1, 1, $0.order.count]) }
    let rows = weight.shape[0] / max(1, inverses.count), count = inverses.first?.order.count ?? 0
    let squares = try weight.converted(to: .f32).square().reshaped([inverses.count, rows, count])
    return try (squares / Tensor.concat(columns, axis: 0)).reshaped(weight.shape)
  }
}
