import CLAPACK
import Support

/// Linear systems, inverses and determinants of f32 and f64 matrices by LAPACK; leading axes are batches.
extension Tensor {
  /// Returns x with `self x = b`.
  ///
  /// Gradients: of b `h = self⁻ᵀ g`, of self `-h xᵀ`.
  /// - Shapes: self `[.., n, n]`, b `[n]` or `[.., n, k]`, leading axes broadcast; the result is like b.
  /// - Throws: `argument` when a matrix is singular or an element is NaN or infinite, `shape`, `dtype`.
  public func solve(_ b: Tensor) throws -> Tensor {
    try checkMatrix("solve", square: true)
    return try withRight(b, "solve") { a, b in
      let x = try a.solved(b, transposed: false)
      guard a.records || b.records else { return x }
      let matrix = a.detached()
      return x.recorded("solve", a, b) { g, pullback in
        let h = try matrix.solved(g, transposed: true)
        if pullback.needs(0) { try pullback.add(0, -h.matmul(x.transposed())) }
        pullback.add(1, h)
      }
    }
  }

  /// Returns x with `t x = b`, t being the lower or upper triangle of self; the other one is not read.
  ///
  /// Gradients: of b `h = t⁻ᵀ g`, of self the triangle of `-h xᵀ` (of its transpose where `transposed`).
  /// - Parameters:
  ///   - transposed: solves `tᵀ x = b`.
  ///   - unit: the diagonal counts as ones.
  /// - Shapes: as `solve`.
  /// - Throws: `argument` when there is a 0 on the diagonal, or elements that are NaN or infinite.
  public func solveTriangular(_ b: Tensor, upper: Bool, transposed: Bool = false, unit: Bool = false) throws -> Tensor {
    try checkMatrix("solveTriangular", square: true)
    return try withRight(b, "solveTriangular") { a, b in
      let x = try a.solvedTriangular(b, upper, transposed, unit)
      guard a.records || b.records else { return x }
      let matrix = a.detached()
      return x.recorded("solveTriangular", a, b) { g, pullback in
        let h = try matrix.solvedTriangular(g, upper, !transposed, unit)
        if pullback.needs(0) {
          let outer = try transposed ? x.matmul(h.transposed()) : h.matmul(x.transposed())
          try pullback.add(0, -outer.trianglePart(upper: upper, diagonal: unit ? 0 : 1))
        }
        pullback.add(1, h)
      }
    }
  }

  /// Returns the inverse of square matrices.
  ///
  /// The gradient is `-yᵀ g yᵀ`, y the inverse.
  /// - Throws: `argument` when a matrix is singular.
  public func inverse() throws -> Tensor {
    try checkMatrix("inverse", square: true)
    try checkFinite("inverse")
    let n = shape.dims[rank - 1]
    let y = try eachMatrix { [try $0.solvedOne(Tensor.identityMatrix(n, n, $0.dtype), transposed: false, "inverse")] }[0]
    guard records else { return y }
    return y.recorded("inverse", self) { g, pullback in
      try pullback.add(0, -y.transposed().matmul(g).matmul(y.transposed()))
    }
  }

  /// Returns the determinants of square matrices: `[..]`; may overflow where `logDeterminant` does not.
  ///
  /// The gradient is `g det self⁻ᵀ`; for singular matrices it throws.
  public func determinant() throws -> Tensor {
    let (sign, logarithm) = try detached().logDeterminant()
    let y = try sign * logarithm.exp()
    guard records else { return y }
    let a = detached()
    return y.recorded("determinant", self) { g, pullback in
      try pullback.add(0, a.inverse().transposed() * (g * y).unsqueezed(-1).unsqueezed(-1))
    }
  }

  /// Returns sign (-1, 0 or 1) and logarithm of the magnitude of the determinants of square matrices: `[..]` each; 0 and
  /// -infinity for singular ones.
  ///
  /// The gradient of the logarithm is `g self⁻ᵀ`; for singular matrices it throws.
  public func logDeterminant() throws -> (sign: Tensor, logarithm: Tensor) {
    try checkMatrix("logDeterminant", square: true)
    try checkFinite("logDeterminant")
    let parts = try eachMatrix { matrix in
      let (sign, logarithm) = try matrix.dtype == .f32 ? matrix.logDeterminant(Float.self) : matrix.logDeterminant(Double.self)
      return [try Tensor.scalar(sign, matrix.dtype), try Tensor.scalar(logarithm, matrix.dtype)]
    }
    guard records else { return (parts[0], parts[1]) }
    let a = detached()
    return (
      parts[0],
      parts[1].recorded("logDeterminant", self) { g, pullback in
        try pullback.add(0, a.inverse().transposed() * g.unsqueezed(-1).unsqueezed(-1))
      }
    )
  }
}

extension Tensor {
  /// Calls `body` with matrices and right sides of the same leading axes, both `[.., n, k]`.
  private func withRight(_ b: Tensor, _ op: String, _ body: (Tensor, Tensor) throws -> Tensor) throws -> Tensor {
    let n = shape.dims[rank - 1]
    let isVector = b.rank == 1
    guard b.rank >= 1, b.shape.dims[isVector ? 0 : b.rank - 2] == n else {
      throw PareError(.shape, "[\(op)] \(shape) and \(b.shape)", expected: "[\(n)] or [.., \(n), k] on the right", op: op)
    }
    guard b.dtype == dtype else {
      throw PareError(.dtype, "[\(op)] \(dtype) and \(b.dtype)", expected: "one type", op: op)
    }
    let right = isVector ? try b.unsqueezed(1) : b
    let lead = try Shape.broadcast(
      Shape(shape[..<(rank - 2)]), Shape(right.shape[..<(right.rank - 2)]), op).dimensions
    let left = try expanded(to: Shape(lead + [n, n]))
    let x = try body(left, right.expanded(to: Shape(lead + [n, right.shape.dims[right.rank - 1]])))
    return isVector ? try x.squeezed(-1) : x
  }

  /// `self⁻¹ b`, or `self⁻ᵀ b`, for each matrix of the leading axes, which are the same.
  private func solved(_ b: Tensor, transposed: Bool) throws -> Tensor {
    try checkFinite("solve")
    try b.checkFinite("solve")
    return try paired(b) { try $0.solvedOne($1, transposed: transposed, "solve") }
  }

  private func solvedTriangular(_ b: Tensor, _ upper: Bool, _ transposed: Bool, _ unit: Bool) throws -> Tensor {
    try trianglePart(upper: upper).checkFinite("solveTriangular")
    try b.checkFinite("solveTriangular")
    return try paired(b) { a, b in
      if !unit, try a.mainDiagonal().eq(0).any().item() != 0 {
        throw PareError(.argument, "[solveTriangular] the matrix is singular", got: "a 0 on the diagonal", op: "solveTriangular")
      }
      let (x, a) = (try b.scratch(), try a.contiguous())
      guard x.count > 0 else { return x }
      Compute.prepareLibraries()
      let (n, k) = (Int32(x.shape.dims[0]), Int32(x.shape.dims[1]))
      let (triangle, trans, diagonal) = (
        upper ? CblasUpper : CblasLower, transposed ? CblasTrans : CblasNoTrans, unit ? CblasUnit : CblasNonUnit)
      withExtendedLifetime(a) {
        if x.dtype == .f32 {
          cblas_strsm(CblasRowMajor, CblasLeft, triangle, trans, diagonal, n, k, 1, a.pointer(Float.self), n, x.pointer(Float.self), k)
        } else {
          cblas_dtrsm(CblasRowMajor, CblasLeft, triangle, trans, diagonal, n, k, 1, a.pointer(Double.self), n, x.pointer(Double.self), k)
        }
      }
      return x
    }
  }

  private func paired(_ b: Tensor, _ body: (Tensor, Tensor) throws -> Tensor) throws -> Tensor {
    let b = b.detached()
    if rank == 2 { return try body(detached(), b) }
    // One matrix beside the other, so that the batch is walked once.
    let n = shape.dims[rank - 1]
    let joined = try Tensor.concat([detached(), b], axis: -1)
    return try joined.eachMatrix { both in
      [try body(both.narrowed(axis: 1, start: 0, length: n), both.narrowed(axis: 1, start: n, length: both.shape.dims[1] - n))]
    }[0]
  }

  private func solvedOne(_ b: Tensor, transposed: Bool, _ op: String) throws -> Tensor {
    try dtype == .f32 ? solvedOne(b, transposed, op, Float.self) : solvedOne(b, transposed, op, Double.self)
  }

  private func solvedOne<T: LAPACKScalar>(_ b: Tensor, _ transposed: Bool, _ op: String, _: T.Type) throws -> Tensor {
    // Row-major memory is the transpose in columns, so LAPACK's transposed system is this one.
    let (a, x) = (try scratch(), try b.transposedCopy())
    guard x.count > 0 else { return try b.contiguous() }
    guard let pivots = try a.factorized(T.self) else {
      throw PareError(.argument, "[\(op)] the matrix is singular", got: "a pivot of 0", op: op)
    }
    var (n, sides, info) = (Int32(shape.dims[0]), Int32(b.shape.dims[1]), Int32(0))
    var (mode, positions) = (CChar(UInt8(ascii: transposed ? "N" : "T")), pivots)
    T.getrs(&mode, &n, &sides, a.pointer(T.self), &n, &positions, x.pointer(T.self), &n, &info)
    return try x.transposed().contiguous()
  }

  /// Factorizes this matrix in place, P L U of its transpose; returns the pivots, nil when it is singular.
  private func factorized<T: LAPACKScalar>(_: T.Type) throws -> [Int32]? {
    var (n, info, pivots) = (Int32(shape.dims[0]), Int32(0), [Int32](repeating: 0, count: shape.dims[0]))
    guard n > 0 else { return pivots }
    Compute.prepareLibraries()
    T.getrf(&n, &n, pointer(T.self), &n, &pivots, &info)
    return info == 0 ? pivots : nil
  }

  private func logDeterminant<T: LAPACKScalar & Real>(_: T.Type) throws -> (Double, Double) {
    let a = try scratch()
    guard let pivots = try a.factorized(T.self) else { return (0, -.infinity) }
    var (sign, sum) = (1.0, 0.0)
    let values = a.pointer(T.self)
    for (i, pivot) in pivots.enumerated() {
      let entry = Double(values[i * pivots.count + i])
      if (entry < 0) != (pivot != Int32(i + 1)) { sign = -sign }
      sum += Double.log(entry.magnitude)
    }
    return (sign, sum)
  }
}
