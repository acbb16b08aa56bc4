import CKernels
import CLAPACK
import Glibc
import Support

/// Singular value decompositions of f32 and f64 matrices, [.., m, n] with any leading axes, and what is made of them.
extension Tensor {
  /// Returns the singular value decomposition: `self = (u * s) vt`, singular values descending.
  ///
  /// Bidiagonalization in one pass a column (`CKernels/Bidiagonal.c`), LAPACK's divide and conquer (bdsdc), reflectors
  /// applied in blocks; tall matrices by their QR decomposition first.
  ///
  /// Gradients, for values that differ from each other and from 0 (Townsend 2016, "Differentiating the singular value
  /// decomposition"), with `f_ij = 1 / (s_j² - s_i²)`, 0 on the diagonal: of s `u diag(g) vt`, of u
  /// `(u (f ∘ (uᵀ g - gᵀ u)) s + (1 - u uᵀ) g s⁻¹) vt`, of v its mirror image. With `full`, the vectors beyond the k-th are
  /// not determined: a backward pass through them throws.
  /// - Shapes: self `[.., m, n]`; u `[.., m, k]`, s `[.., k]`, vt `[.., k, n]` with `k = min(m, n)`; with `full` u is
  ///   `[.., m, m]` and vt `[.., n, n]`. Dtypes: f32, f64.
  /// - Throws: `shape` for fewer than two axes, `dtype`, `argument` for NaN or infinite elements, `internal` if it does not
  ///   converge.
  public func svd(full: Bool = false) throws -> (u: Tensor, s: Tensor, vt: Tensor) {
    try checkMatrix("svd")
    let largest = try checkFinite("svd")
    let parts = try eachMatrix { matrix in
      let (u, s, vt) = try matrix.dtype == .f32 ? matrix.svd(Float.self, full, largest) : matrix.svd(Double.self, full, largest)
      return [u, s, vt]
    }
    let (u, s, vt) = (parts[0], parts[1], parts[2])
    guard records else { return (u, s, vt) }
    let k = s.shape.dims[s.rank - 1]
    let left = try u.narrowed(axis: -1, start: 0, length: k), right = try vt.narrowed(axis: -2, start: 0, length: k)
    /// The gradient from that of vectors w in columns: all of it but the product with the other vectors, transposed.
    @Sendable func fromVectors(_ w: Tensor, _ g: Tensor) throws -> Tensor {
      let squares = try s * s, gaps = try squares.unsqueezed(-2) - squares.unsqueezed(-1)
      let f = try Tensor.where(gaps.eq(0), Tensor.scalar(0, gaps.dtype), gaps.reciprocal())
      let inner = try w.transposed().matmul(g)
      let within = try w.matmul(f * (inner - inner.transposed()) * s.unsqueezed(-2))
      return try within + (g - w.matmul(inner)) / s.unsqueezed(-2)
    }
    let values = s.recorded("svd", self) { g, pullback in try pullback.add(0, (left * g.unsqueezed(-2)).matmul(right)) }
    let isReduced = u.shape.dims[rank - 1] == k && vt.shape.dims[rank - 2] == k
    guard isReduced else { return (u.refusing("svd of all vectors", self), values, vt.refusing("svd of all vectors", self)) }
    return (
      u.recorded("svd", self) { g, pullback in try pullback.add(0, fromVectors(u, g).matmul(vt)) }, values,
      vt.recorded("svd", self) { g, pullback in
        try pullback.add(0, fromVectors(vt.transposed(), g.transposed()).matmul(u.transposed()).transposed())
      }
    )
  }

  /// Returns the singular values alone, descending: `[.., min(m, n)]`.
  ///
  /// The gradient is `u diag(g) vt`, where the values are different from each other and from 0.
  public func singularValues() throws -> Tensor {
    if records { return try svd().s }
    try checkMatrix("singularValues")
    let largest = try checkFinite("singularValues")
    return try eachMatrix { matrix in
      [try matrix.dtype == .f32 ? matrix.singularValues(Float.self, largest) : matrix.singularValues(Double.self, largest)]
    }[0]
  }

  /// Returns the `rank` largest singular values with their vectors, the best approximation of that rank (Eckart and Young
  /// 1936), from the whole decomposition.
  ///
  /// - Shapes: u `[.., m, rank]`, s `[.., rank]`, vt `[.., rank, n]`.
  /// - Throws: `argument` unless 0 <= rank <= min(m, n); otherwise as `svd()`.
  public func truncatedSVD(rank k: Int) throws -> (u: Tensor, s: Tensor, vt: Tensor) {
    try checkMatrix("truncatedSVD")
    try checkRank(k, "truncatedSVD")
    let (u, s, vt) = try svd()
    return (
      try u.narrowed(axis: -1, start: 0, length: k), try s.narrowed(axis: -1, start: 0, length: k),
      try vt.narrowed(axis: -2, start: 0, length: k)
    )
  }

  /// Returns approximately the `rank` largest singular values with their vectors, from a random sketch: a few products
  /// with `rank + oversampling` vectors instead of the whole decomposition.
  ///
  /// With k = rank, p = oversampling, q = iterations and the basis Q of the sketch, the expected spectral error
  /// `E |A - Q Qᵀ A|` is for p >= 2 at most
  /// `((1 + √(k / (p - 1))) σ^(2q+1) + e √(k + p) / p · (Σ_{j>k} σ_j^(2(2q+1)))^½)^(1 / (2q+1))`, σ being the (k+1)-th
  /// singular value; cutting the result to rank k adds at most σ. A backward pass through the result throws.
  /// - Shapes: as `truncatedSVD`.
  /// - Parameters:
  ///   - oversampling: further vectors, from 0; the sketch never has more than min(m, n).
  ///   - iterations: power iterations, each with QR decompositions; 0 for quickly falling spectra.
  ///   - seed: of the normal numbers; the same seed gives the same result.
  /// - Reference: Halko, Martinsson, Tropp 2011, "Finding structure with randomness", algorithms 4.4 and 5.1, theorem 10.6
  ///   and corollary 10.10.
  public func randomizedSVD(rank k: Int, oversampling: Int = 10, iterations: Int = 2, seed: UInt64 = 0) throws
    -> (u: Tensor, s: Tensor, vt: Tensor)
  {
    try checkMatrix("randomizedSVD")
    try checkRank(k, "randomizedSVD")
    guard oversampling >= 0, iterations >= 0 else {
      throw PareError(
        .argument, "[randomizedSVD] oversampling \(oversampling), iterations \(iterations)", expected: "numbers from 0",
        op: "randomizedSVD")
    }
    let a = detached()
    try a.checkFinite("randomizedSVD")
    let (m, n) = (shape.dims[rank - 2], shape.dims[rank - 1])
    let width = k + Swift.min(oversampling, Swift.min(m, n) - k)
    let parts = try a.eachMatrix { a in
      let sketch = try Tensor.randn(Shape([n, width]), seed: seed, dtype: a.dtype)
      var q = try a.matmul(sketch).qr().q
      for _ in 0..<iterations {
        q = try a.transposed().matmul(q).qr().q
        q = try a.matmul(q).qr().q
      }
      let (u, s, vt) = try q.transposed().matmul(a).svd()
      return [
        try q.matmul(u.narrowed(axis: 1, start: 0, length: k)), try s.narrowed(axis: 0, start: 0, length: k),
        try vt.narrowed(axis: 0, start: 0, length: k).contiguous(),
      ]
    }
    return (
      parts[0].refusing("randomizedSVD", self), parts[1].refusing("randomizedSVD", self), parts[2].refusing("randomizedSVD", self)
    )
  }

  private func checkRank(_ k: Int, _ op: String) throws {
    let most = Swift.min(shape.dims[rank - 2], shape.dims[rank - 1])
    guard k >= 0, k <= most else {
      throw PareError(.argument, "[\(op)] rank \(k) of matrices of shape \(shape)", argument: "rank", expected: "0...\(most)", op: op)
    }
  }

  /// Returns the pseudo-inverse (Moore and Penrose): `[.., n, m]` of `[.., m, n]`.
  ///
  /// The gradient, where the rank stays the same, is `-pᵀ g pᵀ + (1 - a p) gᵀ p pᵀ + pᵀ p gᵀ (1 - p a)`, p the result (Golub
  /// and Pereyra 1973).
  /// - Parameter tolerance: singular values up to this share of the largest count as 0; by default max(m, n) epsilon.
  public func pseudoInverse(tolerance: Double? = nil) throws -> Tensor {
    let a = detached()
    let (u, s, vt) = try a.svd()
    let inverse = try s.invertedSpectrum(cutoff(tolerance, "pseudoInverse"))
    let p = try (vt.transposed() * inverse.unsqueezed(-2)).matmul(u.transposed())
    guard records else { return p }
    return p.recorded("pseudoInverse", self) { g, pullback in
      let (pt, gt) = (try p.transposed(), try g.transposed())
      let left = try gt.matmul(p).matmul(pt), right = try pt.matmul(p).matmul(gt)
      let inner = try pt.matmul(g).matmul(pt)
      try pullback.add(0, left - a.matmul(p.matmul(left)) + right - right.matmul(p).matmul(a) - inner)
    }
  }

  /// Returns the x of smallest norm among those that minimize |self x - b|: the solution of least squares, whatever the
  /// rank. By singular values; gradients as those of `pseudoInverse() b`.
  /// - Shapes: self `[.., m, n]`, b `[m]` or `[.., m, k]`; result `[n]` or `[.., n, k]`.
  /// - Parameter tolerance: as in `pseudoInverse`.
  public func leastSquares(_ b: Tensor, tolerance: Double? = nil) throws -> Tensor {
    try checkMatrix("leastSquares")
    let isVector = b.rank == 1
    let right = isVector ? try b.unsqueezed(1) : b
    guard right.rank == rank || rank == 2 && isVector, right.shape.dims[right.rank - 2] == shape.dims[rank - 2],
      right.shape[..<(right.rank - 2)] == shape[..<(rank - 2)]
    else {
      throw PareError(
        .shape, "[leastSquares] \(shape) and \(b.shape)", expected: "[m] or [.., m, k] on the right", op: "leastSquares")
    }
    guard b.dtype == dtype else {
      throw PareError(.dtype, "[leastSquares] \(dtype) and \(b.dtype)", expected: "one type", op: "leastSquares")
    }
    try right.checkFinite("leastSquares")
    let x: Tensor
    if records || right.records { x = try pseudoInverse(tolerance: tolerance).matmul(right) } else {
      let (u, s, vt) = try svd()
      let inverse = try s.invertedSpectrum(cutoff(tolerance, "leastSquares"))
      x = try vt.transposed().matmul(u.transposed().matmul(right) * inverse.unsqueezed(-1))
    }
    return isVector ? try x.squeezed(-1) : x
  }

  /// Returns how many singular values are larger than `tolerance` times the largest, i64: `[..]`.
  /// - Parameter tolerance: by default max(m, n) epsilon.
  public func matrixRank(tolerance: Double? = nil) throws -> Tensor {
    let s = try detached().singularValues()
    guard s.shape.dims[s.rank - 1] > 0 else { return try Tensor.zeros(Shape(shape[..<(rank - 2)]), .i64) }
    let floor = try s.max(axes: [-1], keepDims: true) * cutoff(tolerance, "matrixRank")
    return try s.gt(floor).sum(axes: [-1])
  }

  /// Returns the condition number in the 2-norm, largest by smallest singular value: `[..]`; infinity for singular ones.
  /// Differentiated as those values are.
  public func conditionNumber() throws -> Tensor {
    try checkMatrix("conditionNumber")
    guard Swift.min(shape.dims[rank - 2], shape.dims[rank - 1]) > 0 else {
      throw PareError(.shape, "[conditionNumber] shape \(shape) has no singular values", expected: "sizes from 1", op: "conditionNumber")
    }
    let s = try singularValues()
    let (largest, smallest) = (try s.max(axes: [-1]), try s.min(axes: [-1]))
    return try Tensor.where(smallest.eq(0), Tensor.scalar(.infinity, dtype), largest / smallest)
  }

  private func cutoff(_ tolerance: Double?, _ op: String) throws -> Double {
    if let tolerance {
      guard tolerance >= 0, tolerance < 1 else {
        throw PareError(.argument, "[\(op)] tolerance \(tolerance)", argument: "tolerance", expected: "0..<1", op: op)
      }
      return tolerance
    }
    let epsilon = dtype == .f32 ? Double(Float.ulpOfOne) : Double.ulpOfOne
    return epsilon * Double(Swift.max(shape.dims[rank - 2], shape.dims[rank - 1]))
  }

  /// 1 / s, and 0 for what is at most `cutoff` times the largest.
  private func invertedSpectrum(_ cutoff: Double) throws -> Tensor {
    guard count > 0 else { return self }
    let kept = try gt(max(axes: [-1], keepDims: true) * cutoff)
    return try Tensor.where(kept, reciprocal(), Tensor.scalar(0, dtype))
  }
}

extension Tensor {
  private func svd<T: LAPACKScalar>(_: T.Type, _ full: Bool, _ largest: Double) throws -> (u: Tensor, s: Tensor, vt: Tensor) {
    let (m, n) = (shape.dims[0], shape.dims[1])
    if m < n {
      let (u, s, vt) = try transposed().svd(T.self, full, largest)
      return (try vt.transposed().contiguous(), s, try u.transposed().contiguous())
    }
    guard n > 0 else {
      let empty = try Tensor.zeros([0], dtype)
      return (try Tensor.identityMatrix(m, full ? m : 0, dtype), empty, try Tensor.zeros([0, 0], dtype))
    }
    if m > n + n / 2, m >= 32 {
      // On the square factor of the QR decomposition instead: the tall one would be read once for every column.
      let (q, r) = try full ? fullQR(T.self) : qr()
      let (u, s, vt) = try r.narrowed(axis: 0, start: 0, length: n).svd(T.self, false, r.checkFinite("svd"))
      let left = try q.narrowed(axis: 1, start: 0, length: n).matmul(u)
      return (full ? try Tensor.concat([left, q.narrowed(axis: 1, start: n, length: m - n)], axis: 1) : left, s, vt)
    }
    // Row-major memory is the transpose in columns, aᵀ = v s uᵀ: a square matrix is taken as it is, and its factors are
    // where they belong.
    let square = m == n
    var b = try Bidiagonal<T>(square ? contiguous() : transposed().contiguous(), m, n, largest)
    let columns = full ? m : n
    let left = try Tensor.zeros(Shape([columns, m]), dtype), right = try Tensor.empty(Shape([n, n]), dtype)
    let s = try b.decomposed(left, right)
    if full { for j in n..<Swift.max(columns, n) { left.pointer(T.self)[j * m + j] = 1 } }
    try b.applyLeft(left)
    try b.applyRight(right)
    if square { return (right, s, left) }
    return (try left.transposed().contiguous(), s, try right.transposed().contiguous())
  }

  private func singularValues<T: LAPACKScalar>(_: T.Type, _ largest: Double) throws -> Tensor {
    let (m, n) = (shape.dims[0], shape.dims[1])
    if m < n { return try transposed().singularValues(T.self, largest) }
    guard n > 0 else { return try Tensor.zeros([0], dtype) }
    if m > n + n / 2, m >= 32 {
      let r = try qr().r
      return try r.singularValues(T.self, r.checkFinite("singularValues"))
    }
    var b = try Bidiagonal<T>(m == n ? contiguous() : transposed().contiguous(), m, n, largest)
    return try b.decomposed(nil, nil)
  }
}

/// A matrix in columns reduced to upper bidiagonal form, with its reflectors.
private struct Bidiagonal<T: LAPACKScalar> {
  let m: Int, n: Int
  private let leading: Int, rightLeading: Int
  /// Reflectors in columns, zeros and the leading one written out.
  private let left: Tensor, right: Tensor
  private let diagonal: Tensor, upper: Tensor, leftFactors: Tensor, rightFactors: Tensor
  private let exponent: Int
  /// Reflectors applied together.
  private static var block: Int { 128 }
  /// Columns made between two looks at whether to stop.
  private static var stretch: Int { 16 }

  /// - Parameter columns: the matrix, row-major `[n, m]`: column after column. `largest`: its largest magnitude.
  init(_ columns: Tensor, _ m: Int, _ n: Int, _ largest: Double) throws {
    (self.m, self.n) = (m, n)
    // A multiple of 16 elements, but not of 4096 bytes: columns would compete for the same lines of the cache.
    leading = (m + 15) / 16 * 16 + 16
    rightLeading = (n + 15) / 16 * 16 + 16
    let dtype = T.dtype
    left = try Tensor.zeros(Shape([n, leading]), dtype)
    right = try Tensor.empty(Shape([n, rightLeading]), dtype)
    diagonal = try Tensor.zeros(Shape([n]), dtype)
    upper = try Tensor.zeros(Shape([n]), dtype)
    leftFactors = try Tensor.zeros(Shape([n]), dtype)
    rightFactors = try Tensor.zeros(Shape([n]), dtype)
    // Entries of about 1, by a power of two: squares neither overflow nor vanish.
    exponent = largest > 0 ? Swift.max(Int(largest.exponent), T.self == Float.self ? -120 : -1000) : 0
    let scale = T(sign: .plus, exponent: T.Exponent(-exponent), significand: 1)
    let (source, target) = (columns.pointer(T.self), left.pointer(T.self))
    withExtendedLifetime(columns) {
      for j in 0..<n { for i in 0..<m { target[j * leading + i] = source[j * m + i] * scale } }
    }
    Compute.prepareLibraries()
    let threads = Compute.threads
    let work = try Tensor.empty(Shape([2 * leading + rightLeading + threads * leading]), dtype)
    try withExtendedLifetime(work) {
      for first in stride(from: 0, to: n, by: Bidiagonal.stretch) {
        try Interrupt.check()
        T.bidiagonalize(
          target, leading, m, n, diagonal.pointer(T.self), upper.pointer(T.self), leftFactors.pointer(T.self),
          rightFactors.pointer(T.self), right.pointer(T.self), rightLeading, work.pointer(T.self), first,
          Swift.min(n, first + Bidiagonal.stretch), Int32(threads))
      }
    }
  }

  /// Decomposes the bidiagonal matrix: returns the singular values, and writes the vectors, in columns, into the first
  /// n by n entries of `u` (columns of m) and into `vt`.
  mutating func decomposed(_ u: Tensor?, _ vt: Tensor?) throws -> Tensor {
    let work = try Tensor.empty(Shape([3 * n * n + 8 * n]), T.dtype)
    var integers = [Int32](repeating: 0, count: 8 * n)
    var (size, info, one) = (Int32(n), Int32(0), Int32(1))
    var (triangle, wanted) = (CChar(UInt8(ascii: "U")), CChar(UInt8(ascii: u == nil ? "N" : "I")))
    let d = diagonal.pointer(T.self), e = upper.pointer(T.self)
    withExtendedLifetime(work) {
      if let u, let vt {
        var rows = Int32(u.shape.dims[1])
        T.bdsdc(
          &triangle, &wanted, &size, d, e, u.pointer(T.self), &rows, vt.pointer(T.self), &size, nil, nil,
          work.pointer(T.self), &integers, &info)
      } else {
        T.bdsdc(&triangle, &wanted, &size, d, e, nil, &one, nil, &one, nil, nil, work.pointer(T.self), &integers, &info)
      }
    }
    guard info == 0 else {
      throw PareError(.internal, "[svd] did not converge", got: "LAPACK's bdsdc returned \(info)", op: "svd")
    }
    let scale = T(sign: .plus, exponent: T.Exponent(exponent), significand: 1)
    for i in 0..<n { d[i] *= scale }
    return diagonal
  }

  /// Multiplies `c`, `columns` of m entries, by all left reflectors from the left.
  ///
  /// Blocks Y of reflectors are I - Y T Yᵀ with T⁻¹ = upper triangle of YᵀY, and 1 / tau on its diagonal (Puglisi 1992).
  func applyLeft(_ c: Tensor) throws {
    let columns = c.shape.dims[0]
    try eachBlock(n, leftFactors, left, leading, m, other: columns) { k, width, length, y, triangle, w in
      let target = c.pointer(T.self) + k
      let (stride, size) = (Int32(leading), Int32(m))
      T.gemm(CblasColMajor, CblasTrans, CblasNoTrans, width, Int32(columns), length, 1, y, stride, target, size, 0, w, width)
      T.trsm(CblasColMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, width, Int32(columns), 1, triangle, width, w, width)
      T.gemm(CblasColMajor, CblasNoTrans, CblasNoTrans, length, Int32(columns), width, -1, y, stride, w, width, 1, target, size)
    }
  }

  /// Multiplies `c`, n by n in columns, by all right reflectors from the right.
  func applyRight(_ c: Tensor) throws {
    try eachBlock(n - 1, rightFactors, right, rightLeading, n, other: n) { k, width, length, y, triangle, w in
      let target = c.pointer(T.self) + k * n
      let (stride, size) = (Int32(rightLeading), Int32(n))
      T.gemm(CblasColMajor, CblasNoTrans, CblasNoTrans, size, width, length, 1, target, size, y, stride, 0, w, size)
      T.trsm(CblasColMajor, CblasRight, CblasUpper, CblasTrans, CblasNonUnit, size, width, 1, triangle, width, w, size)
      T.gemm(CblasColMajor, CblasNoTrans, CblasTrans, size, length, width, -1, w, size, y, stride, 1, target, size)
    }
  }

  /// Calls `body` for each block of reflectors, last first: its first position, width, length, reflectors, T⁻¹, room.
  private func eachBlock(
    _ count: Int, _ factors: Tensor, _ reflectors: Tensor, _ leading: Int, _ rows: Int, other: Int,
    _ body: (Int, Int32, Int32, UnsafeMutablePointer<T>, UnsafeMutablePointer<T>, UnsafeMutablePointer<T>) -> Void
  ) throws {
    guard count > 0 else { return }
    let block = Bidiagonal.block
    let triangle = try Tensor.empty(Shape([block, block]), T.dtype), room = try Tensor.empty(Shape([block, other]), T.dtype)
    let (t, tau) = (triangle.pointer(T.self), factors.pointer(T.self))
    for k in stride(from: (count - 1) / block * block, through: 0, by: -block) {
      try Interrupt.check()
      let width = Swift.min(block, count - k), length = Int32(rows - k), w = Int32(width)
      let y = reflectors.pointer(T.self) + k * leading + k
      T.gemm(CblasColMajor, CblasTrans, CblasNoTrans, w, w, length, 1, y, Int32(leading), y, Int32(leading), 0, t, w)
      for i in 0..<width {
        t[i * width + i] = 1 / tau[k + i]
        guard tau[k + i] == 0 else { continue }
        // The identity: its column of Y is cleared, so that nothing comes of it.
        for r in 0..<Int(length) { y[i * leading + r] = 0 }
        for j in 0..<width { (t[i * width + j], t[j * width + i]) = (0, 0) }
        t[i * width + i] = 1
      }
      body(k, w, length, y, t, room.pointer(T.self))
    }
    withExtendedLifetime((triangle, room)) {}
  }
}
