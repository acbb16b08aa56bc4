import Glibc
import Support

/// Decompositions of f32 and f64 matrices by LAPACK. They are not differentiated.
///
/// LAPACK reads columns where Pare stores rows, so each routine below is given the transpose and says what that means.
extension Tensor {
  /// Returns the thin singular value decomposition: `self = (u * s) vt`, singular values descending.
  ///
  /// - Shapes: self `[m, n]`; u `[m, k]`, s `[k]`, vt `[k, n]` with `k = min(m, n)`. Dtypes: f32, f64.
  /// - Throws: `shape` for other ranks, `dtype` for other types, `argument` for NaN or infinite elements.
  public func svd() throws -> (u: Tensor, s: Tensor, vt: Tensor) {
    switch try matrixType("svd") {
    case .f32: return try svd(Float.self)
    default: return try svd(Double.self)
    }
  }

  /// Returns the reduced QR decomposition: `self = q r`, q with orthonormal columns, r upper triangular.
  ///
  /// - Shapes: self `[m, n]`; q `[m, k]`, r `[k, n]` with `k = min(m, n)`. Dtypes: f32, f64.
  public func qr() throws -> (q: Tensor, r: Tensor) {
    switch try matrixType("qr") {
    case .f32: return try qr(Float.self)
    default: return try qr(Double.self)
    }
  }

  /// Returns the lower triangular `l` of a symmetric positive definite matrix: `self = l lᵀ`.
  ///
  /// - Shapes: `[n, n]`. Only the lower triangle is read.
  /// - Throws: `argument` when the matrix is not positive definite.
  public func cholesky() throws -> Tensor {
    switch try matrixType("cholesky", square: true) {
    case .f32: return try cholesky(Float.self)
    default: return try cholesky(Double.self)
    }
  }

  /// Returns x with `self x = b`.
  ///
  /// - Shapes: self `[n, n]`, b `[n]` or `[n, k]`; the result has b's shape.
  /// - Throws: `argument` when the matrix is singular.
  public func solve(_ b: Tensor) throws -> Tensor {
    switch try matrixType("solve", square: true) {
    case .f32: return try solve(b, Float.self)
    default: return try solve(b, Double.self)
    }
  }

  /// Returns eigenvalues (ascending) and eigenvectors (columns) of a symmetric matrix.
  ///
  /// - Shapes: self `[n, n]`, of which the lower triangle is read; values `[n]`, vectors `[n, n]`.
  public func eigh() throws -> (values: Tensor, vectors: Tensor) {
    switch try matrixType("eigh", square: true) {
    case .f32: return try eigh(Float.self)
    default: return try eigh(Double.self)
    }
  }
}

extension Tensor {
  private func matrixType(_ op: String, square: Bool = false) throws -> DType {
    guard rank == 2, !square || shape[0] == shape[1] else {
      throw PareError(
        .shape, "[\(op)] shape \(shape)", expected: square ? "a square matrix" : "a matrix", op: op)
    }
    guard dtype == .f32 || dtype == .f64 else {
      throw PareError(.dtype, "[\(op)] a matrix of \(dtype)", expected: "f32 or f64", op: op)
    }
    // LAPACK's 32-bit sizes, and its loops that never end on NaN.
    guard shape[0] < 1 << 15, shape[1] < 1 << 15 else {
      throw PareError(.unsupported, "[\(op)] a matrix of shape \(shape)", expected: "at most 32767 rows and columns", op: op)
    }
    guard try detached().isFinite().all().item() != 0 else {
      throw PareError(.argument, "[\(op)] the matrix has elements that are NaN or infinite", op: op)
    }
    return dtype
  }

  /// Dense row-major copy of this matrix, to be overwritten.
  private func scratch() throws -> Tensor {
    let plain = try detached().contiguous()
    let copy = try Tensor.empty(shape, dtype)
    withExtendedLifetime(plain) { _ = memcpy(copy.address, plain.address, copy.byteCount) }
    return copy
  }

  private func svd<T: LAPACKScalar>(_: T.Type) throws -> (u: Tensor, s: Tensor, vt: Tensor) {
    // The row-major matrix is its transpose in columns: aᵀ = v s uᵀ, whose factors come back as rows of vt and u.
    let a = try scratch()
    let (rows, columns) = (shape[0], shape[1])
    let k = Swift.min(rows, columns)
    let u = try Tensor.zeros(Shape([rows, k]), dtype)
    let s = try Tensor.zeros(Shape([k]), dtype)
    let vt = try Tensor.zeros(Shape([k, columns]), dtype)
    guard k > 0 else { return (u, s, vt) }
    Compute.prepareLibraries()
    var (m, n, small, job, info) = (Int32(columns), Int32(rows), Int32(k), CChar(UInt8(ascii: "S")), Int32(0))
    var integers = [Int32](repeating: 0, count: 8 * k)
    try withWorkspace(T.self, "svd", &info) { (work: UnsafeMutablePointer<T>, size: inout Int32, info: inout Int32) in
      T.gesdd(
        &job, &m, &n, a.pointer(T.self), &m, s.pointer(T.self), vt.pointer(T.self), &m, u.pointer(T.self), &small, work,
        &size, &integers, &info)
    }
    guard info == 0 else { throw PareError(.argument, "[svd] did not converge", op: "svd") }
    return (u, s, vt)
  }

  private func qr<T: LAPACKScalar>(_: T.Type) throws -> (q: Tensor, r: Tensor) {
    // The transposed copy, row-major, is the matrix in columns.
    let a = try transposed(0, 1).scratch()
    let (rows, columns) = (shape[0], shape[1])
    let k = Swift.min(rows, columns)
    let r = try Tensor.zeros(Shape([k, columns]), dtype)
    guard k > 0 else { return (try Tensor.zeros(Shape([rows, 0]), dtype), r) }
    Compute.prepareLibraries()
    var (m, n, small, info) = (Int32(rows), Int32(columns), Int32(k), Int32(0))
    var tau = [T](repeating: 0, count: k)
    try withWorkspace(T.self, "qr", &info) { (work: UnsafeMutablePointer<T>, size: inout Int32, info: inout Int32) in
      T.geqrf(&m, &n, a.pointer(T.self), &m, &tau, work, &size, &info)
    }
    let (source, target) = (a.pointer(T.self), r.pointer(T.self))
    for i in 0..<k { for j in i..<columns { target[i * columns + j] = source[j * rows + i] } }
    try withWorkspace(T.self, "qr", &info) { (work: UnsafeMutablePointer<T>, size: inout Int32, info: inout Int32) in
      T.orgqr(&m, &small, &small, a.pointer(T.self), &m, &tau, work, &size, &info)
    }
    return (try a.slice(axis: 0, from: 0, to: k).transposed(0, 1).contiguous(), r)
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

  private func solve<T: LAPACKScalar>(_ b: Tensor, _: T.Type) throws -> Tensor {
    guard b.rank == 1 || b.rank == 2, b.shape[0] == shape[0] else {
      throw PareError(.shape, "[solve] \(shape) and \(b.shape)", expected: "[\(shape[0])] or [\(shape[0]), k] on the right", op: "solve")
    }
    guard b.dtype == dtype else {
      throw PareError(.dtype, "[solve] \(dtype) and \(b.dtype)", expected: "one type", op: "solve")
    }
    let a = try transposed(0, 1).scratch()
    let x = try b.rank == 1 ? b.scratch() : b.transposed(0, 1).scratch()
    guard x.count > 0 else { return b.detached() }
    Compute.prepareLibraries()
    var (n, sides, info) = (Int32(shape[0]), Int32(b.rank == 1 ? 1 : b.shape[1]), Int32(0))
    var pivots = [Int32](repeating: 0, count: shape[0])
    T.gesv(&n, &sides, a.pointer(T.self), &n, &pivots, x.pointer(T.self), &n, &info)
    guard info == 0 else { throw PareError(.argument, "[solve] the matrix is singular", op: "solve") }
    return try b.rank == 1 ? x : x.transposed(0, 1).contiguous()
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
    try withWorkspace(T.self, "eigh", &info) { (work: UnsafeMutablePointer<T>, size: inout Int32, info: inout Int32) in
      T.syevd(&job, &upper, &n, a.pointer(T.self), &n, values.pointer(T.self), work, &size, &integers, &integerCount, &info)
    }
    guard info == 0 else { throw PareError(.argument, "[eigh] did not converge", op: "eigh") }
    return (values, try a.transposed(0, 1).contiguous())
  }

  /// Asks a routine for the size of its workspace, and runs it with one.
  private func withWorkspace<T: LAPACKScalar>(
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
