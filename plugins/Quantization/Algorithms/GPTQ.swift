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
    let hessians = try layer.hessians(), rows = grid.rows / max(1, hessians.count)
    var weight = try layer.weight.converted(to: .f32).values(as: Float.self)
    for (group, hessian) in hessians.enumerated() {
      let first = group * rows
      try round(&weight, rows: first..<first + rows, hessian, grid, layer.name, context)
    }
    return try grid.quantized(weight)
  }

  /// Replaces the rows' weights by integers.
  private func round(
    _ weight: inout [Float], rows: Range<Int>, _ hessian: Tensor, _ grid: RowGrid, _ layer: String, _ context: Context
  ) throws {
    let columns = grid.columns
    let energies = try hessian.diagonal().scalars()
    let order = isOrdered ? energies.indices.sorted { (-energies[$0], $0) < (-energies[$1], $1) } : Array(energies.indices)
    let factor = try inverseFactor(hessian, energies, order, layer, context)
    try weight.withUnsafeMutableBufferPointer { weight in
      // Each thread has rows of its own.
      nonisolated(unsafe) let weight = weight
      try factor.withUnsafeBufferPointer { factor in
        try Compute.parallel(rows.count, grain: 8) { part in
          // Some rows at a time share what is read of the factor.
          for start in stride(from: part.lowerBound, to: part.upperBound, by: 8) {
            Self.round(weight, rows: rows.lowerBound + start..<rows.lowerBound + min(start + 8, part.upperBound), columns, factor, order, grid)
          }
        }
      }
    }
  }

  private static func round(
    _ weight: UnsafeMutableBufferPointer<Float>, rows: Range<Int>, _ columns: Int, _ factor: UnsafeBufferPointer<Float>,
    _ order: [Int], _ grid: RowGrid
  ) {
    // In the order in which columns are rounded; what is not to move is marked.
    var values = rows.map { row in order.map { weight[row * columns + $0] } }
    let isHeld = values.map { $0.map { $0 == 0 } }
    for i in 0..<columns {
      let line = i * columns
      for (place, row) in rows.enumerated() {
        let value = values[place][i], integer = grid.nearest(value, row: row)
        weight[row * columns + order[i]] = integer
        let error = (value - grid.value(integer, row: row)) / factor[line + i]
        guard error != 0, i + 1 < columns else { continue }
        values[place].withUnsafeMutableBufferPointer { later in
          for j in i + 1..<columns { later[j] -= error * factor[line + j] }
        }
        for j in i + 1..<columns where isHeld[place][j] { values[place][j] = 0 }
      }
    }
  }

  /// The upper Cholesky factor of the inverse of the damped matrix, rows and columns in `order`; row-major.
  private func inverseFactor(
    _ hessian: Tensor, _ energies: [Double], _ order: [Int], _ layer: String, _ context: Context
  ) throws -> [Float] {
    let size = energies.count, mean = energies.reduce(0, +) / Double(max(1, size))
    let places = try Tensor(order.map(Int64.init))
    let ordered = try hessian.gather(axis: 0, indices: places).gather(axis: 1, indices: places)
    // Inputs that are always 0 say nothing: alone on the diagonal they leave the others as they are.
    let silent = try Tensor(order.map { energies[$0] == 0 ? (mean > 0 ? mean : 1) : 0 }, shape: [size])
    var share = damping
    while true {
      try Interrupt.check()
      let added = try silent + share * mean
      do {
        let lower = try (ordered + Tensor.eye(size, dtype: .f64) * added).cholesky()
        let inverse = try lower.solveTriangular(Tensor.eye(size, dtype: .f64), upper: false)
        // H^-1 = L^-T L^-1.
        return try inverse.transposed(0, 1).matmul(inverse).cholesky().transposed(0, 1).contiguous().converted(to: .f32).values(as: Float.self)
      } catch let error as PareError where error.code != .interrupted && share < 1e3 {
        share *= 10
        context.log("gptq: \(layer): the damping is raised to \(share)")
      }
    }
  }
}
