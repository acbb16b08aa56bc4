import Support
import Tensor
import TestSupport
import Testing

@Suite struct LinearAlgebraTests {
  static func matrix(_ m: Int, _ n: Int, _ dtype: DType = .f64, seed: UInt64 = 1) throws -> Tensor {
    try Tensor.randn(Shape([m, n]), seed: seed, dtype: .f64).converted(to: dtype)
  }

  static func identity(_ n: Int, _ dtype: DType) throws -> Tensor {
    try Tensor((0..<n * n).map { $0 % (n + 1) == 0 ? 1.0 : 0 }, shape: Shape([n, n])).converted(to: dtype)
  }

  /// Backward error and orthogonality, in units of epsilon times the larger size.
  static func errors(_ a: Tensor, _ u: Tensor, _ s: Tensor, _ vt: Tensor) throws -> [Double] {
    let k = s.count
    let epsilon = (a.dtype == .f32 ? Double(Float.ulpOfOne) : Double.ulpOfOne) * Double(max(a.shape[0], a.shape[1]))
    let (a, u, vt, s) = (try a.converted(to: .f64), try u.converted(to: .f64), try vt.converted(to: .f64), try s.converted(to: .f64))
    // Divided first: the squares of the norm must neither overflow nor vanish.
    let largest = max(try s.scalars().first ?? 0, .leastNormalMagnitude)
    let made = try (u.narrowed(axis: 1, start: 0, length: k) * (s / largest)).matmul(vt.narrowed(axis: 0, start: 0, length: k))
    return [
      try (made - a / largest).norm().item(),
      try (u.transposed().matmul(u) - identity(u.shape[1], .f64)).abs().max().item(),
      try (vt.matmul(vt.transposed()) - identity(vt.shape[0], .f64)).abs().max().item(),
    ].map { $0 / epsilon }
  }

  @Test(arguments: [DType.f32, .f64], [[1, 1], [5, 5], [7, 3], [3, 7], [40, 33], [100, 20], [20, 100], [150, 150], [300, 200]])
  func svd(_ dtype: DType, _ sizes: [Int]) throws {
    let a = try Self.matrix(sizes[0], sizes[1], dtype)
    for full in [false, true] {
      let (u, s, vt) = try a.svd(full: full)
      let k = min(sizes[0], sizes[1])
      #expect(u.shape.dimensions == [sizes[0], full ? sizes[0] : k] && vt.shape.dimensions == [full ? sizes[1] : k, sizes[1]])
      let errors = try Self.errors(a, u, s, vt)
      #expect(errors.allSatisfy { $0 < 10 }, "\(errors)")
      let values = try s.scalars()
      #expect(zip(values, values.dropFirst()).allSatisfy { $0 >= $1 } && values.allSatisfy { $0 >= 0 })
      // The squares are the eigenvalues of the smaller Gram matrix.
      let wide = try a.converted(to: .f64)
      let gram = try sizes[0] < sizes[1] ? wide.matmul(wide.transposed()) : wide.transposed().matmul(wide)
      let expected = try gram.eigh().values.scalars().reversed()
      #expect(zip(values, expected).allSatisfy { abs($0 * $0 - $1) < (dtype == .f32 ? 1e-4 : 1e-11) * values[0] * values[0] })
    }
    #expect(try difference(a.singularValues(), a.svd().s, absolute: (dtype == .f32 ? 1e-4 : 1e-11)) == nil)
  }

  @Test(arguments: [DType.f32, .f64]) func svdOfHardMatrices(_ dtype: DType) throws {
    let n = 90
    let graded = try Self.matrix(n, n) * Tensor((0..<n).map { pow10(-Double($0) / 3) })
    let deficient = try Self.matrix(n, 4).matmul(Self.matrix(4, n, seed: 2))
    var steps = [Double](repeating: 1, count: n)
    for i in 10..<n { steps[i] = 1e-9 }
    let q = try Self.matrix(n, n, seed: 3).qr().q, p = try Self.matrix(n, n, seed: 4).qr().q
    let clustered = try (q * Tensor(steps)).matmul(p)
    let zeros = try Tensor.zeros(Shape([n, n]), .f64), one = try Self.identity(n, .f64)
    for (name, a) in [
      ("graded", graded), ("rank 4", deficient), ("clustered", clustered), ("zeros", zeros), ("identity", one),
      ("large", try graded * (dtype == .f32 ? 1e36 : 1e300)), ("small", try graded * (dtype == .f32 ? 1e-36 : 1e-300)),
      ("repeated columns", try Tensor.concat([deficient.narrowed(axis: 1, start: 0, length: 45), deficient.narrowed(axis: 1, start: 0, length: 45)], axis: 1)),
    ] {
      let a = try a.converted(to: dtype)
      let (u, s, vt) = try a.svd()
      // Of denormal matrices the entries themselves have lost digits.
      let errors = try Self.errors(a, u, s, vt)
      #expect(errors.allSatisfy { $0 < 10 }, "\(name): \(errors)")
    }
    #expect(try deficient.converted(to: dtype).matrixRank().item() == 4)
    #expect(try one.conditionNumber().item() == 1 && zeros.conditionNumber().item() == .infinity)
  }

  @Test func batchesAreTheirMatrices() throws {
    let a = try Tensor.randn([2, 3, 5, 4], seed: 9, dtype: .f64)
    let (u, s, vt) = try a.svd()
    #expect(u.shape == [2, 3, 5, 4] && s.shape == [2, 3, 4] && vt.shape == [2, 3, 4, 4])
    #expect(try difference((u * s.unsqueezed(-2)).matmul(vt), a, absolute: 1e-12) == nil)
    let (q, r) = try a.qr()
    #expect(try difference(q.matmul(r), a, absolute: 1e-12) == nil)
    let square = try a.transposed().matmul(a)
    #expect(try difference(square.cholesky().matmul(square.cholesky().transposed()), square, absolute: 1e-12) == nil)
    #expect(try difference(square.matmul(square.inverse()), Self.identity(4, .f64).expanded(to: square.shape), absolute: 1e-8) == nil)
    #expect(try difference(square.determinant(), s.square().prod(axes: [-1]), relative: 1e-9) == nil)
    let b = try Tensor.randn([3, 4, 2], seed: 3, dtype: .f64)
    #expect(try difference(square.matmul(square.solve(b)), b.expanded(to: [2, 3, 4, 2]), absolute: 1e-8) == nil)
    #expect(try Tensor.zeros([0, 3, 2], .f64).svd().u.shape == [0, 3, 2])
    #expect(try a.pseudoInverse().shape == [2, 3, 4, 5])
    #expect(try difference(a.matmul(a.pseudoInverse()).matmul(a), a, absolute: 1e-11) == nil)
  }

  @Test func systems() throws {
    let a = try Self.matrix(6, 6), b = try Self.matrix(6, 2, seed: 2)
    #expect(try difference(a.matmul(a.solve(b)), b, absolute: 1e-11) == nil)
    for upper in [false, true] {
      for transposed in [false, true] {
        for unit in [false, true] {
          let x = try a.solveTriangular(b, upper: upper, transposed: transposed, unit: unit)
          var t = [Double](repeating: 0, count: 36)
          let values = try a.scalars()
          for i in 0..<6 { for j in 0..<6 where upper ? j >= i : j <= i { t[i * 6 + j] = i == j && unit ? 1 : values[i * 6 + j] } }
          let full = try Tensor(t, shape: [6, 6])
          #expect(try difference((transposed ? full.transposed() : full).matmul(x), b, absolute: 1e-9) == nil)
        }
      }
    }
    // Least squares: the residual is orthogonal to the columns.
    let tall = try Self.matrix(8, 3), right = try Self.matrix(8, 1, seed: 5).squeezed(1)
    let x = try tall.leastSquares(right)
    #expect(x.shape == [3])
    let residual = try tall.matmul(x) - right
    #expect(try tall.transposed().matmul(residual).abs().max().item() < 1e-12)
    let negative = try -Self.identity(3, .f64)
    let (sign, logarithm) = try negative.logDeterminant()
    #expect(try sign.item() == -1 && logarithm.item() == 0)
    #expect(try Tensor([2.0, 1, 4, 3], shape: [2, 2]).determinant().item().rounded() == 2)
    #expect(try Tensor.zeros([2, 2], .f64).determinant().item() == 0)
  }

  @Test func partialDecompositions() throws {
    let u = try Self.matrix(60, 60).qr().q, v = try Self.matrix(40, 40, seed: 2).qr().q
    let spectrum = (0..<40).map { pow10(-Double($0) / 4) }
    let a = try (u.narrowed(axis: 1, start: 0, length: 40) * Tensor(spectrum)).matmul(v)
    for (u, s, vt) in [try a.truncatedSVD(rank: 5), try a.randomizedSVD(rank: 5, seed: 4)] {
      #expect(u.shape == [60, 5] && vt.shape == [5, 40])
      #expect(zip(try s.scalars(), spectrum).allSatisfy { abs($0 - $1) < 1e-6 })
      // The best approximation is off by the next singular value.
      let rest = try (u * s).matmul(vt) - a
      #expect(try rest.singularValues().scalars()[0] < spectrum[5] * 1.0001)
    }
    #expect(try a.randomizedSVD(rank: 5, seed: 4).u.isEqual(to: a.randomizedSVD(rank: 5, seed: 4).u))
  }

  @Test func refusals() throws {
    let negative = try -Tensor.ones([3, 3], .f64)
    let a = try Self.matrix(3, 2), singular = try Tensor.ones([3, 3], .f64), bad = try Tensor.full([2, 2], .nan, .f64)
    #expect(code { _ = try Tensor([1.0]).svd() } == .shape)
    #expect(code { _ = try Tensor([1], shape: [1, 1]).svd() } == .dtype)
    #expect(code { _ = try bad.svd() } == .argument && code { _ = try bad.eigh() } == .argument)
    #expect(code { _ = try a.inverse() } == .shape && code { _ = try a.determinant() } == .shape)
    #expect(code { _ = try singular.solve(Tensor([1.0, 1, 1])) } == .argument)
    #expect(code { _ = try singular.inverse() } == .argument && code { _ = try negative.cholesky() } == .argument)
    #expect(code { _ = try Tensor.zeros([2, 2], .f64).solveTriangular(Tensor([1.0, 1]), upper: true) } == .argument)
    #expect(code { _ = try singular.solve(Tensor([1.0, 1])) } == .shape && code { _ = try singular.solve(Tensor([1 as Float, 1, 1])) } == .dtype)
    #expect(code { _ = try a.truncatedSVD(rank: 3) } == .argument && code { _ = try a.randomizedSVD(rank: -1) } == .argument)
    #expect(code { _ = try a.leastSquares(Tensor([1.0])) } == .shape && code { _ = try a.pseudoInverse(tolerance: -1) } == .argument)
    #expect(code { _ = try Tensor.zeros([0, 2], .f64).conditionNumber() } == .shape)
  }

  private static let cases: [GradientCase] = [
    .init("solve", [[3, 3], [3, 2]]) { try diagonallyDominant($0[0]).solve($0[1]) },
    .init("solve batch", [[2, 3, 3], [3, 2]]) { try diagonallyDominant($0[0]).solve($0[1]) },
    .init("solve vector", [[3, 3], [3]]) { try diagonallyDominant($0[0]).solve($0[1]) },
    .init("lower", [[3, 3], [3, 2]], 1, 2) { try $0[0].solveTriangular($0[1], upper: false) },
    .init("upper transposed", [[3, 3], [3, 2]], 1, 2) { try $0[0].solveTriangular($0[1], upper: true, transposed: true) },
    .init("unit", [[3, 3], [3, 2]], 1, 2) { try $0[0].solveTriangular($0[1], upper: true, unit: true) },
    .init("inverse", [[2, 3, 3]]) { try diagonallyDominant($0[0]).inverse() },
    .init("determinant", [[2, 3, 3]]) { try diagonallyDominant($0[0]).determinant() },
    .init("logDeterminant", [[3, 3]]) { try diagonallyDominant($0[0]).logDeterminant().logarithm },
    .init("cholesky", [[2, 3, 3]]) { try diagonallyDominant($0[0].matmul($0[0].transposed())).cholesky() },
    .init("singular values", [[2, 4, 3]]) { try $0[0].singularValues() },
    .init("singular values, wide", [[3, 5]]) { try $0[0].singularValues() },
    .init("condition number", [[2, 4, 3]]) { try $0[0].conditionNumber() },
    .init("eigenvalues", [[2, 3, 3]]) { try ($0[0] + $0[0].transposed()).eigh().values },
    .init("eigenvectors", [[3, 3]]) { try ($0[0] + $0[0].transposed()).eigh().vectors.square() },
    .init("left singular vectors", [[2, 5, 3]]) { try $0[0].svd().u.square() },
    .init("right singular vectors", [[3, 5]]) { try $0[0].svd().vt.square() },
    .init("square singular vectors", [[4, 4]]) { try $0[0].svd(full: true).u.square() * $0[0].svd().vt.square() },
    .init("truncated", [[5, 4]]) { x in
      let (u, s, vt) = try x[0].truncatedSVD(rank: 2)
      return try (u * s.unsqueezed(-2)).matmul(vt)
    },
    .init("qr", [[2, 5, 3]]) { try $0[0].qr().q.square() },
    .init("r", [[4, 4]]) { try diagonallyDominant($0[0]).qr().r.square() },
    .init("tall pseudo-inverse", [[2, 5, 3]]) { try $0[0].pseudoInverse() },
    .init("wide pseudo-inverse", [[2, 4]]) { try $0[0].pseudoInverse() },
    .init("least squares", [[5, 3], [5, 2]]) { try $0[0].leastSquares($0[1]) },
    .init("least squares vector", [[2, 4], [2]]) { try $0[0].leastSquares($0[1]) },
    .init("quantile", [[3, 4]]) { try $0[0].quantile([0.1, 0.5, 0.77]) },
    .init("quantile of rows", [[3, 5]]) { try $0[0].quantile([0.3, 1], axis: 1) },
    .init("sorted", [[3, 4]]) { try $0[0].sorted(axis: 1, descending: true) },
    .init("topk", [[3, 4]]) { try $0[0].topk(2, axis: 0).values },
    .init("kthValue", [[3, 4]]) { try $0[0].kthValue(2).value },
  ]

  /// What has no gradient says so when one is asked for; without a backward pass it is a value like others.
  @Test func refusesGradients() throws {
    let results: [(Tensor) throws -> Tensor] = [
      { try $0.svd(full: true).u }, { try $0.svd(full: true).vt }, { try $0.transposed().qr().q }, { try $0.transposed().qr().r },
      { try $0.randomizedSVD(rank: 1).s }, { try $0.unique().values }, { try $0.uniqueWithInverse().values },
      { try $0.kMeans(2).centroids },
    ]
    for result in results {
      let x = try Tensor.randn([4, 2], seed: 1, dtype: .f64).tracked()
      let y = try result(x)
      #expect(try difference(y.detached(), result(x.detached()), absolute: 0) == nil)
      #expect(code { _ = try y.sum().backward() } == .unsupported)
    }
  }

  @Test(arguments: cases) func gradients(_ sample: GradientCase) throws {
    #expect(try checkGradients(sample.inputs(), tolerance: 1e-5, sample.f) == nil)
  }
}

private func diagonallyDominant(_ x: Tensor) throws -> Tensor {
  let n = x.shape[x.rank - 1]
  return try x + LinearAlgebraTests.identity(n, .f64) * 7
}

private func pow10(_ x: Double) -> Double { (try? Tensor([10.0]).pow(x).item()) ?? .nan }

private func code(_ body: () throws -> Void) -> PareError.Code? {
  do { try body() } catch let error as PareError { return error.code } catch {}
  return nil
}
