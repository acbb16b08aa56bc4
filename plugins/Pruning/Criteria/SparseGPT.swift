import PareKit

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

  /// The weights that stay, adjusted column by column: each takes its part of the error of those before it.
  public func compensated(_ layer: LayerView, kept: Tensor, _ context: Context) throws -> Tensor? {
    let inverses = try layer.inverseHessians(damping: damping, isOrdered: false), rows = layer.weight.shape[0] / max(1, inverses.count)
    let stays = try kept.values(as: Bool.self), columns = layer.weight.count / max(1, layer.weight.shape[0])
    var values = try layer.weight.converted(to: .f32).values(as: Float.self)
    for (group, inverse) in inverses.enumerated() {
      try inverse.settle(&values, rows: group * rows..<(group + 1) * rows, keepsZeros: false) { value, row, column in
        stays[row * columns + column] ? value : 0
      }
    }
    return try Tensor(values, shape: layer.weight.shape)
  }
}
