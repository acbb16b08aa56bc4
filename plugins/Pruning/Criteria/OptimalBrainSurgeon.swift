import PareKit

/// What a layer's output loses without the weight when the others make up for it, and what they become then.
///
/// The score is `w^2 / (2 [H^-1]_jj)` with H the sum of the inputs' outer products (equation 5 of the paper, layer by layer). The
/// weights that stay are adjusted column by column: each takes its part of the error of those before it.
public struct OptimalBrainSurgeon: ImportanceCriterion {
  public static let entry = Entry(
    name: "obs", summary: "Loss of the layer's output with the other weights making up for it; they are adjusted",
    reference: "Hassibi and Stork 1993, \"Second order derivatives for network pruning: Optimal Brain Surgeon\", equation 5; Frantar and Alistarh 2022 by layers",
    parameters: [dampingParameter])
  private let damping: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { damping = try arguments.number("damping") }
  /// The outer products of the inputs.
  public var needs: Statistics { [.hessian] }

  /// The losses in the weight's shape.
  ///
  /// - Throws: `undeclared` or `internal` where the inputs were not collected.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    try layer.scores(damping) { inverse in inverse.diagonal.map { 2 * $0 } }
  }

  /// The weights that stay, adjusted.
  public func compensated(_ layer: LayerView, kept: Tensor, _ context: Context) throws -> Tensor? {
    try layer.adjusted(damping, kept: kept)
  }
}

/// As `obs`, with what is left of the inverse's diagonal once the columns before are settled: `w^2 / U_jj^2` with U the upper
/// Cholesky factor of `H^-1`.
///
/// The mask is chosen for all columns at once (a selection block as wide as the layer in the paper's terms), so that every
/// scope and granularity, n:m among them, has its exact ratio.
public struct SparseGPT: ImportanceCriterion {
  public static let entry = Entry(
    name: "sparsegpt", summary: "Loss of the layer's output when later weights make up for it; they are adjusted",
    reference: "Frantar and Alistarh 2023, \"SparseGPT: Massive Language Models Can Be Accurately Pruned in One-Shot\", algorithm 1",
    parameters: [dampingParameter])
  private let damping: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { damping = try arguments.number("damping") }
  /// The outer products of the inputs.
  public var needs: Statistics { [.hessian] }

  /// The losses in the weight's shape.
  ///
  /// - Throws: `undeclared` or `internal` where the inputs were not collected.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    try layer.scores(damping) { inverse in inverse.pivots.map { $0 * $0 } }
  }

  /// The weights that stay, adjusted.
  public func compensated(_ layer: LayerView, kept: Tensor, _ context: Context) throws -> Tensor? {
    try layer.adjusted(damping, kept: kept)
  }
}

private let dampingParameter = ParameterSpec.number(
  "damping", default: 0.01, allowed: ParameterRange(minimum: 0, includesMinimum: false),
  doc: "Share of the mean diagonal that is added to the diagonal")

extension LayerView {
  /// Squared weights over a number for each column.
  fileprivate func scores(_ damping: Double, _ divisors: (InverseHessian) throws -> [Float]) throws -> Tensor {
    let inverses = try inverseHessians(damping: damping, isOrdered: false)
    let columns = try inverses.map { try Tensor(divisors($0), shape: [1, 1, $0.order.count]) }
    let rows = weight.shape[0] / max(1, inverses.count), count = inverses.first?.order.count ?? 0
    let squares = try weight.converted(to: .f32).square().reshaped([inverses.count, rows, count])
    return try (squares / Tensor.concat(columns, axis: 0)).reshaped(weight.shape)
  }

  fileprivate func adjusted(_ damping: Double, kept: Tensor) throws -> Tensor {
    let inverses = try inverseHessians(damping: damping, isOrdered: false), rows = weight.shape[0] / max(1, inverses.count)
    let stays = try kept.values(as: Bool.self), columns = weight.count / max(1, weight.shape[0])
    var values = try weight.converted(to: .f32).values(as: Float.self)
    for (group, inverse) in inverses.enumerated() {
      try inverse.settle(&values, rows: group * rows..<(group + 1) * rows, keepsZeros: false) { value, row, column in
        stays[row * columns + column] ? value : 0
      }
    }
    return try Tensor(values, shape: weight.shape)
  }
}
