import Glibc
import Support

/// What the routines of linear algebra share: checks, batches, copies and workspace.
extension Tensor {
  /// Checks rank, type and size of a matrix or a batch of them.
  func checkMatrix(_ op: String, square: Bool = false) throws {
    guard rank >= 2, !square || shape.dims[rank - 1] == shape.dims[rank - 2] else {
      throw PareError(
        .shape, "[\(op)] shape \(shape)", expected: square ? "square matrices [.., n, n]" : "matrices [.., m, n]", op: op)
    }
    guard dtype == .f32 || dtype == .f64 else {
      throw PareError(.dtype, "[\(op)] matrices of \(dtype)", expected: "f32 or f64", op: op)
    }
    // LAPACK's 32-bit sizes.
    guard shape.dims[rank - 2] < 1 << 15, shape.dims[rank - 1] < 1 << 15 else {
      throw PareError(.unsupported, "[\(op)] matrices of shape \(shape)", expected: "at most 32767 rows and columns", op: op)
    }
  }

  /// Checks that every element is finite: LAPACK has loops that never end on NaN. Returns the largest magnitude.
  @discardableResult
  func checkFinite(_ op: String) throws -> Double {
    let plain = try detached().contiguous()
    let largest = dtype == .f32 ? plain.largest(Float.self) : plain.largest(Double.self)
    guard largest.isFinite else {
      throw PareError(.argument, "[\(op)] the matrix has elements that are NaN or infinite", expected: "finite elements", op: op)
    }
    return largest
  }

  private func largest<T: LAPACKScalar>(_: T.Type) -> Double {
    let values = pointer(T.self)
    var top = SIMD16<T>(repeating: 0), bad = SIMD16<T>(repeating: 0)
    var i = 0
    while i + 16 <= count {
      let v = UnsafeRawPointer(values + i).loadUnaligned(as: SIMD16<T>.self)
      // 0 for finite numbers, NaN for others.
      bad += v * 0
      top.replace(with: v, where: v .> top)
      top.replace(with: -v, where: -v .> top)
      i += 16
    }
    var (largest, rest) = (top.max(), bad.sum())
    while i < count {
      rest += values[i] * 0
      largest = Swift.max(largest, values[i].magnitude)
      i += 1
    }
    return rest == 0 ? Double(largest) : .nan
  }

  /// Dense row-major copy of this tensor, to be overwritten.
  func scratch() throws -> Tensor {
    let plain = try detached().contiguous()
    let copy = try Tensor.empty(shape, dtype)
    withExtendedLifetime(plain) { _ = memcpy(copy.address, plain.address, copy.byteCount) }
    return copy
  }

  /// Runs `body` for each matrix of the leading axes, and stacks what it returns along the same axes.
  func eachMatrix(_ body: (Tensor) throws -> [Tensor]) throws -> [Tensor] {
    let plain = detached()
    if rank == 2 { return try body(plain) }
    let lead = shape[..<(rank - 2)]
    let (rows, columns) = (shape.dims[rank - 2], shape.dims[rank - 1])
    let number = try Shape(lead).count
    let flat = try plain.reshaped(Shape([number, rows, columns]))
    guard number > 0 else {
      // The shapes of the results are those for a matrix of zeros.
      let sample = try body(Tensor.identityMatrix(rows, columns, dtype))
      return try sample.map { try Tensor.zeros(Shape(lead + $0.shape.dimensions), $0.dtype) }
    }
    var results: [[Tensor]] = []
    for i in 0..<number {
      try Interrupt.check()
      results.append(try body(flat.select(axis: 0, index: i)))
    }
    return try results[0].indices.map { k in
      let stacked = try Tensor.stack(results.map { try $0[k].contiguous() }, axis: 0)
      return try stacked.reshaped(Shape(lead + results[0][k].shape.dimensions))
    }
  }

  /// A matrix with ones on its diagonal.
  static func identityMatrix(_ rows: Int, _ columns: Int, _ dtype: DType) throws -> Tensor {
    let result = try Tensor.zeros(Shape([rows, columns]), dtype)
    try Compute.backend.copy(Tensor.ones(Shape([Swift.min(rows, columns)]), dtype), into: result.mainDiagonal())
    return result
  }

  /// The diagonals of the last two axes as a view.
  func mainDiagonal() -> Tensor {
    var (dims, layout) = (shape.dims, self.layout)
    dims.rank = rank - 1
    layout.rank = rank - 1
    dims[rank - 2] = Swift.min(shape.dims[rank - 2], shape.dims[rank - 1])
    layout[rank - 2] = self.layout[rank - 2] + self.layout[rank - 1]
    return view(Shape(dims), layout)
  }

  /// The lower triangles, the diagonal multiplied by `diagonal`; zeros above. (`upper`: the other way round.)
  func trianglePart(upper: Bool = false, diagonal: Double = 1) throws -> Tensor {
    let (m, n) = (shape.dims[rank - 2], shape.dims[rank - 1])
    let mask = try Tensor.zeros(Shape([m, n]), .f64)
    let at = mask.pointer(Double.self)
    for i in 0..<m { for j in 0..<n where upper ? j >= i : j <= i { at[i * n + j] = i == j ? diagonal : 1 } }
    let scale = try mask.converted(to: dtype)
    return try Tensor.where(scale.eq(0), Tensor.scalar(0, dtype), self * scale)
  }

  /// The transpose of the matrices in memory of its own.
  func transposedCopy() throws -> Tensor { try detached().transposed().scratch() }
}

/// LAPACK's workspace.
enum Workspace {
  /// Asks a routine for the size of its workspace, and runs it with one.
  static func with<T: LAPACKScalar>(
    _: T.Type, _ op: String, _ info: inout Int32,
    _ routine: (UnsafeMutablePointer<T>, inout Int32, inout Int32) -> Void
  ) throws {
    var (size, answer) = (Int32(-1), T(0))
    routine(&answer, &size, &info)
    // The size comes back as a float, whose last digit may have been rounded away.
    guard info == 0, let count = Int32(exactly: (Double(answer) * 1.000001).rounded(.up)) else {
      throw PareError(.internal, "[\(op)] no workspace size from LAPACK: \(answer), \(info)", op: op)
    }
    size = Swift.max(count, 1)
    let work = try Storage(byteCount: Int(size) * MemoryLayout<T>.stride)
    withExtendedLifetime(work) { routine(work.base.assumingMemoryBound(to: T.self), &size, &info) }
  }
}
