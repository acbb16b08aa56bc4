import Glibc
import Support

/// Decompositions of f32 and f64 matrices by LAPACK, [.., m, n] with any leading axes.
///
/// LAPACK reads columns where Pare stores rows, so each routine below is given the transpose and says what that means.
extension Tensor {
  /// Returns the reduced QR decomposition: `self = q r`, q with orthonormal columns, r upper triangular.
  ///
  /// Gradients, for m >= n and full rank: `(g_q + q c(m)) r⁻ᵀ` with `m = r g_rᵀ - g_qᵀ q`, c(m) the symmetric matrix with the
  /// lower triangle of m (Walter and Lehmann 2018, arXiv:1009.6112). Wide matrices have none: a backward pass throws.
  /// - Shapes: self `[.., m, n]`; q `[.., m, k]`, r `[.., k, n]` with `k = min(m, n)`. Dtypes: f32, f64.
  /// - Throws: `shape`, `dtype`, `argument` for NaN or infinite elements.
  public func qr() throws -> (q: Tensor, r: Tensor) {
    try checkMatrix("qr")
    try checkFinite("qr")
    let parts = try eachMatrix { matrix in
      let k = Swift.min(matrix.shape.dims[0], matrix.shape.dims[1])
      let (q, r) = try matrix.dtype == .f32 ? matrix.qr(Float.self, columns: k) : matrix.qr(Double.self, columns: k)
      return [q, r]
    }
    let (q, r) = (parts[0], parts[1])
    guard records else { return (q, r) }
    guard shape.dims[rank - 2] >= shape.dims[rank - 1] else { return (q.refusing("qr of a wide matrix", self), r.refusing("qr of a wide matrix", self)) }
    /// x r⁻ᵀ.
    @Sendable func divided(_ x: Tensor) throws -> Tensor { try r.solveTriangular(x.transposed(), upper: true).transposed() }
    @Sendable func mirrored(_ m: Tensor) throws -> Tensor { try m.trianglePart() + m.trianglePart(diagonal: 0).transposed() }
    return (
      q.recorded("qr", self) { g, pullback in
        try pullback.add(0, divided(g + q.matmul(mirrored(-g.transposed().matmul(q)))))
      },
      r.recorded("qr", self) { g, pullback in try pullback.add(0, divided(q.matmul(mirrored(r.matmul(g.transposed()))))) }
    )
  }

  /// Returns the lower triangular `l` of symmetric positive definite matrices: `self = l lᵀ`.
  ///
  /// The gradient is the symmetric part of `l⁻ᵀ p l⁻¹`, p the lower triangle of `lᵀ g` with its diagonal halved (Murray
  /// 2016, arXiv:1602.07527).
  /// - Shapes: `[.., n, n]`. Only the lower triangle is read.
  /// - Throws: `argument` when a matrix is not positive definite.
  public func cholesky() throws -> Tensor {
    try checkMatrix("cholesky", square: true)
    try checkFinite("cholesky")
    let l = try eachMatrix { [try $0.dtype == .f32 ? $0.cholesky(Float.self) : $0.cholesky(Double.self)] }[0]
    guard records else { return l }
    return l.recorded("cholesky", self) { g, pullback in
      let p = try l.transposed().matmul(g).trianglePart(diagonal: 0.5)
      let half = try l.solveTriangular(p, upper: false, transposed: true)
      // s = half l⁻¹, so sᵀ = l⁻ᵀ halfᵀ.
      let s = try l.solveTriangular(half.transposed(), upper: false, transposed: true)
      try pullback.add(0, (s + s.transposed()) * 0.5)
    }
  }

  /// Returns eigenvalues (ascending) and eigenvectors (columns) of symmetric matrices.
  ///
  /// Gradients, for values that differ from each other: of the values `v diag(g) vᵀ`, of the vectors the symmetric part of
  /// `v (f ∘ vᵀ g) vᵀ` with `f_ij = 1 / (λ_j - λ_i)`, 0 on the diagonal.
  /// - Shapes: self `[.., n, n]`, of which the lower triangle is read; values `[.., n]`, vectors `[.., n, n]`.
  public func eigh() throws -> (values: Tensor, vectors: Tensor) {
    try checkMatrix("eigh", square: true)
    try checkFinite("eigh")
    let parts = try eachMatrix { matrix in
      let (values, vectors) = try matrix.dtype == .f32 ? matrix.eigh(Float.self) : matrix.eigh(Double.self)
      return [values, vectors]
    }
    let (values, vectors) = (parts[0], parts[1])
    guard records else { return (values, vectors) }
    return (
      values.recorded("eigh", self) { g, pullback in
        try pullback.add(0, (vectors * g.unsqueezed(-2)).matmul(vectors.transposed()))
      },
      vectors.recorded("eigh", self) { g, pullback in
        let gaps = try values.unsqueezed(-2) - values.unsqueezed(-1)
        let f = try Tensor.where(gaps.eq(0), Tensor.scalar(0, gaps.dtype), gaps.reciprocal())
        let inner = try f * vectors.transposed().matmul(g)
        let s = try vectors.matmul(inner).matmul(vectors.transposed())
        try pullback.add(0, (s + s.transposed()) * 0.5)
      }
    )
  }
}

extension Tensor {
  /// q with all its m columns, and r with n rows, for m >= n.
  func fullQR<T: LAPACKScalar>(_: T.Type) throws -> (q: Tensor, r: Tensor) { try qr(T.self, columns: shape.dims[0]) }

  /// The decomposition of one matrix with `columns` columns of q, at least min(m, n).
  private func qr<T: LAPACKScalar>(_: T.Type, columns wanted: Int) throws -> (q: Tensor, r: Tensor) {
    // The transposed copy, row-major, is the matrix in columns.
    let (rows, columns) = (shape.dims[0], shape.dims[1])
    let k = Swift.min(rows, columns)
    let r = try Tensor.zeros(Shape([k, columns]), dtype)
    guard k > 0 else { return (try Tensor.identityMatrix(rows, wanted, dtype), r) }
    let plain = try transposed().contiguous()
    let a = try Tensor.empty(Shape([Swift.max(columns, wanted), rows]), dtype)
    withExtendedLifetime(plain) { _ = memcpy(a.address, plain.address, plain.byteCount) }
    Compute.prepareLibraries()
    var (m, n, small, all, info) = (Int32(rows), Int32(columns), Int32(k), Int32(wanted), Int32(0))
    var tau = [T](repeating: 0, count: k)
    try Workspace.with(T.self, "qr", &info) { (work: UnsafeMutablePointer<T>, size: inout Int32, info: inout Int32) in
      T.geqrf(&m, &n, a.pointer(T.self), &m, &tau, work, &size, &info)
    }
    let (source, target) = (a.pointer(T.self), r.pointer(T.self))
    for i in 0..<k { for j in i..<columns { target[i * columns + j] = source[j * rows + i] } }
    try Workspace.with(T.self, "qr", &info) { (work: UnsafeMutablePointer<T>, size: inout Int32, info: inout Int32) in
      T.orgqr(&m, &all, &small, a.pointer(T.self), &m, &tau, work, &size, &info)
    }
    return (try a.slice(axis: 0, from: 0, to: wanted).transposed().contiguous(), r)
  }

  private func cholesky<T: LAPACKScalar>(_: T.Type) throws -> Tensor {
    // The upper triangle in columns is the lower one in rows.
    let a = try scratch()
    let size = shape[0]
    guard size > 0 else { return a }
    Compute.prepareLibraries()
    var (n, upper, info) = (Int32(size), CChar(UInt8(ascii: "U")), Int32(0))
    T.potrf(&upper, &n, a.pointer(T.self), &n, &info)
    guard info == 0 else {
      throw PareError(
        .argument, "[cholesky] the matrix is not positive definite", got: "a leading minor of order \(info) that is not",
        op: "cholesky")
    }
    let values = a.pointer(T.self)
    for i in 0..<size { for j in (i + 1)..<Swift.max(size, i + 1) { values[i * size + j] = 0 } }
    return a
  }

  private func eigh<T: LAPACKScalar>(_: T.Type) throws -> (values: Tensor, vectors: Tensor) {
    // Columns of the result are rows here; the lower triangle in rows is the upper one in columns.
    let a = try scratch()
    let values = try Tensor.zeros(Shape([shape[0]]), dtype)
    guard shape[0] > 0 else { return (values, a) }
    Compute.prepareLibraries()
    var (n, job, upper, info) = (Int32(shape[0]), CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "U")), Int32(0))
    var integers = [Int32](repeating: 0, count: 3 + 5 * shape[0])
    var integerCount = Int32(integers.count)
    try Workspace.with(T.self, "eigh", &info) { (work: UnsafeMutablePointer<T>, size: inout Int32, info: inout Int32) in
      T.syevd(&job, &upper, &n, a.pointer(T.self), &n, values.pointer(T.self), work, &size, &integers, &integerCount, &info)
    }
    guard info == 0 else {
      throw PareError(.internal, "[eigh] did not converge", got: "LAPACK's syevd returned \(info)", op: "eigh")
    }
    return (values, try a.transposed().contiguous())
  }
}
