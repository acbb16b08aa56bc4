import PareKit

/// Weights are rounded one after another, and those that are left make up for the error on the calibration data.
///
/// With H the sum of the inputs' outer products and U the upper Cholesky factor of its inverse, column i is rounded and
/// `(w_i - q_i) / U_ii * U_ij` taken from every later column j (algorithm 1 of the paper). Rows do not depend on each other.
/// Zeros, such as pruned weights, stay zeros and are not made to carry anything. H is damped by a share of its mean diagonal,
/// ten times as much again where it still has no Cholesky factor.
public struct GPTQ: QuantizationAlgorithm {
  public static let entry = Entry(
    name: "gptq", summary: "Weights are rounded one by one; those that are left make up for the error",
    reference: "Frantar et al. 2022, \"GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers\", algorithm 1",
    parameters: [
      .boolean("act_order", default: true, doc: "Inputs of the most energy first"),
      .number("damping", default: 0.01, allowed: ParameterRange(minimum: 0, includesMinimum: false), doc: "Share of the mean diagonal that is added to the diagonal"),
    ])
  private let isOrdered: Bool
  private let damping: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    isOrdered = try arguments.boolean("act_order")
    damping = try arguments.number("damping")
  }
  /// The outer products of the inputs.
  public var needs: Statistics { [.hessian] }

  /// Integers on the grid that `quantizer` chooses for the whole weight.
  ///
  /// - Throws: `undeclared` or `internal` where the inputs were not collected; `interrupted`.
  public func quantize(
    _ layer: LayerView, bits: Int, axis: Int?, with quantizer: any Quantizer, _ context: Context
  ) throws -> Quantized {
    let grid = try RowGrid(quantizer.quantize(layer.weight, bits: bits, axis: axis), bits: bits)
    let inverses = try layer.inverseHessians(damping: damping, isOrdered: isOrdered), rows = grid.rows / max(1, inverses.count)
    var weight = try layer.weight.converted(to: .f32).values(as: Float.self)
    for (group, inverse) in inverses.enumerated() {
      if inverse.damping > damping { context.log("gptq: \(layer.name): the damping is raised to \(inverse.damping)") }
      try inverse.settle(&weight, rows: group * rows..<(group + 1) * rows, keepsZeros: true) { value, row, _ in
        grid.value(grid.nearest(value, row: row), row: row)
      }
    }
    return try grid.quantized(weight.enumerated().map { grid.nearest($1, row: $0 / max(1, grid.columns)) })
  }
}
