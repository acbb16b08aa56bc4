import Support
import Tensor

/// What the weights of a layer that are left can do about an error in one of them: the inverse of the sum of outer products of
/// the layer's inputs, damped, as its upper Cholesky factor.
///
/// With U the factor, an error e of column i is made up for best by taking `e / U_ii * U_ij` from every later column j: the
/// step of Optimal Brain Surgeon, all columns before i being settled (Frantar et al. 2022 and 2023, algorithm 1 of both).
public struct InverseHessian: Sendable {
  /// The columns in the order in which they are settled.
  public let order: [Int]
  /// The share of the mean diagonal that was added to the diagonal.
  public let damping: Double
  /// The factor, row-major, rows and columns in that order.
  private let factor: [Float]

  /// - Parameters:
  ///   - hessian: the sum of outer products, `[k, k]`.
  ///   - damping: a share of the mean diagonal, added to the diagonal; ten times as much again as long as there is no factor.
  ///   - isOrdered: columns of the largest diagonal first, else as they are.
  /// - Throws: `shape` for a matrix that is not square; `interrupted`.
  public init(_ hessian: Tensor, damping: Double, isOrdered: Bool) throws {
    guard hessian.rank == 2, hessian.shape[0] == hessian.shape[1] else {
      throw PareError(.shape, "an inverse Hessian", expected: "[k, k]", got: "\(hessian.shape)")
    }
    let hessian = try hessian.converted(to: .f64), size = hessian.shape[0]
    let energies = try hessian.diagonal().scalars(), mean = energies.reduce(0, +) / Double(max(1, size))
    order = isOrdered ? energies.indices.sorted { (-energies[$0], $0) < (-energies[$1], $1) } : Array(energies.indices)
    let places = try Tensor(order.map(Int64.init)), unit = try Tensor.eye(size, dtype: .f64)
    let ordered = try hessian.gather(axis: 0, indices: places).gather(axis: 1, indices: places)
    // Inputs that are always 0 say nothing: alone on the diagonal they leave the others as they are.
    let silent = try Tensor(order.map { energies[$0] == 0 ? (mean > 0 ? mean : 1) : 0 }, shape: [size])
    var share = damping
    while true {
      try Interrupt.check()
      do {
        let lower = try (ordered + unit * (silent + share * mean)).cholesky()
        // H^-1 = L^-T L^-1.
        let inverse = try lower.solveTriangular(unit, upper: false)
        factor = try inverse.transposed(0, 1).matmul(inverse).cholesky().transposed(0, 1).contiguous().converted(to: .f32)
          .values(as: Float.self)
        break
      } catch let error as PareError where error.code != .interrupted && share < 1e3 {
        share = share > 0 ? share * 10 : 1e-6
      }
    }
    self.damping = share
  }

  /// The factor's diagonal by column: the square root of what is left of the inverse's diagonal once the columns before are settled.
  public var pivots: [Float] {
    var result = [Float](repeating: 0, count: order.count)
    for (place, column) in order.enumerated() { result[column] = factor[place * order.count + place] }
    return result
  }

  /// The diagonal of the inverse by column.
  public var diagonal: [Float] {
    var result = [Float](repeating: 0, count: order.count)
    for place in order.indices {
      // H^-1 = U^T U.
      for row in 0...place { result[order[place]] += factor[row * order.count + place] * factor[row * order.count + place] }
    }
    return result
  }

  /// Settles the columns of some rows one after another; later ones make up for what a column loses.
  ///
  /// - Parameters:
  ///   - weight: `[rows.., k]`, row-major; replaced by what is settled.
  ///   - rows: which of them.
  ///   - keepsZeros: whether weights that are 0 stay so, and carry nothing.
  ///   - settled: what becomes of a value, for its row and column. Called on several threads.
  /// - Throws: `interrupted`.
  public func settle(
    _ weight: inout [Float], rows: Range<Int>, keepsZeros: Bool, _ settled: @Sendable (_ value: Float, _ row: Int, _ column: Int) -> Float
  ) throws {
    try weight.withUnsafeMutableBufferPointer { weight in
      // Each thread has rows of its own.
      nonisolated(unsafe) let weight = weight
      try Compute.parallel(rows.count, grain: 8) { part in
        // Some rows at a time share what is read of the factor.
        for start in stride(from: part.lowerBound, to: part.upperBound, by: 8) {
          let some = rows.lowerBound + start..<rows.lowerBound + min(start + 8, part.upperBound)
          settle(weight, rows: some, keepsZeros: keepsZeros, settled)
        }
      }
    }
  }

  private func settle(
    _ weight: UnsafeMutableBufferPointer<Float>, rows: Range<Int>, keepsZeros: Bool,
    _ settled: @Sendable (_ value: Float, _ row: Int, _ column: Int) -> Float
  ) {
    let columns = order.count
    var values = rows.map { row in order.map { weight[row * columns + $0] } }
    let isHeld = keepsZeros ? values.map { $0.map { $0 == 0 } } : []
    factor.withUnsafeBufferPointer { factor in
      for i in 0..<columns {
        let line = i * columns
        for (place, row) in rows.enumerated() {
          let value = values[place][i], new = settled(value, row, order[i])
          weight[row * columns + order[i]] = new
          let error = (value - new) / factor[line + i]
          guard error != 0, i + 1 < columns else { continue }
          values[place].withUnsafeMutableBufferPointer { later in
            for j in i + 1..<columns { later[j] -= error * factor[line + j] }
          }
          if keepsZeros { for j in i + 1..<columns where isHeld[place][j] { values[place][j] = 0 } }
        }
      }
    }
  }
}

extension LayerView {
  /// One for each group of the layer; `.hessian` has to be among the `needs`.
  ///
  /// - Throws: `undeclared`, and what `InverseHessian` throws.
  public func inverseHessians(damping: Double, isOrdered: Bool) throws -> [InverseHessian] {
    try hessians().map { try InverseHessian($0, damping: damping, isOrdered: isOrdered) }
  }

  /// The sum of outer products of the inputs of each group, `[k, k]` each.
  ///
  /// - Throws: `undeclared` unless `.hessian` is among the `needs`.
  public func hessians() throws -> [Tensor] {
    let sum = try input.hessian
    return sum.rank == 2 ? [sum] : try (0..<sum.shape[0]).map { try sum.select(axis: 0, index: $0) }
  }
}
