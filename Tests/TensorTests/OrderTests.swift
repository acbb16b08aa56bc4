import CKernels
import Support
import Tensor
import TestSupport
import Testing

@Suite struct OrderTests {
  /// Values with ties, both zeros, infinities and NaN.
  static func sample(_ n: Int, seed: UInt64 = 1, dtype: DType = .f32) throws -> [Float] {
    var values = try (Tensor.randn(Shape([n]), seed: seed) * 20).round().values(as: Float.self)
    for i in values.indices where i % 97 == 3 { values[i] = [.nan, .infinity, -.infinity, -0.0, 0, .leastNonzeroMagnitude][i % 6] }
    for i in values.indices where i % 3 == 0 { values[i] *= 1.0001 }
    return values
  }

  /// The stable order by comparisons.
  static func order(_ x: [Float], descending: Bool) -> [Int] {
    x.indices.sorted { i, j in
      if x[i].isNaN || x[j].isNaN { return !x[i].isNaN || (x[j].isNaN && i < j) ? !(x[i].isNaN) || i < j : false }
      return x[i] == x[j] ? i < j : descending ? x[i] > x[j] : x[i] < x[j]
    }
  }

  @Test(arguments: [0, 1, 2, 47, 48, 49, 1000, 5000, 70000], [false, true])
  func sorting(_ n: Int, _ descending: Bool) throws {
    let x = try Self.sample(n), tensor = try Tensor(x)
    let expected = Self.order(x, descending: descending)
    for threads in [1, 2, 3] {
      try Compute.withThreads(threads) {
        #expect(try tensor.argsort(descending: descending).values(as: Int.self) == expected)
        let (values, indices) = try tensor.sortedWithIndices(descending: descending)
        #expect(try indices.values(as: Int.self) == expected)
        let wanted = try Tensor(expected.map { x[$0] })
        #expect(try difference(values, wanted) == nil)
        #expect(try difference(tensor.sorted(descending: descending), wanted) == nil)
        for k in Set([0, min(1, n), n / 10, n / 3, n]) {
          let (top, at) = try tensor.topk(k, largest: descending)
          #expect(try at.values(as: Int.self) == Array(expected.prefix(k)))
          #expect(try difference(top, wanted.narrowed(axis: 0, start: 0, length: k)) == nil)
        }
      }
    }
  }

  /// The vectorized sort beside the one for every processor, bit for bit: many equal, few distinct, in order, NaN of any bits.
  @Test(arguments: 0..<5)
  func instructionSets(_ kind: Int) throws {
    defer { pare_limit_isa(PARE_ISA_AVX512) }
    for n in [1, 15, 16, 17, 63, 129, 255, 256, 257, 300, 4097, 40_000, 70_001] {
      var source = RandomSource(seed: UInt64(n), stream: UInt64(kind))
      let x = try Tensor((0..<n).map { i -> Float in
        switch kind {
        case 0: Float(bitPattern: UInt32(truncatingIfNeeded: source.next()))
        case 1: Float(source.integer(below: 3)) - 1
        case 2: Float(i)
        case 3: -Float(i)
        default: 7
        }
      })
      for (threads, descending) in [(1, false), (2, true), (3, false)] {
        try Compute.withThreads(threads) {
          pare_limit_isa(PARE_ISA_AVX512)
          let fast = try x.sorted(descending: descending)
          pare_limit_isa(PARE_ISA_PORTABLE)
          let plain = try x.sorted(descending: descending)
          #expect(try fast.values(as: Float.self).map(\.bitPattern) == plain.values(as: Float.self).map(\.bitPattern))
        }
      }
    }
  }

  @Test(arguments: [DType.f32, .f16, .bf16, .f64, .i8, .u8, .i16, .u16, .i32, .i64])
  func types(_ dtype: DType) throws {
    let x = try (Tensor.rand([3, 400], high: 100, seed: 3)).converted(to: dtype)
    let expected = try x.values(as: Double.self)
    let rows = (0..<3).flatMap { expected[$0 * 400..<($0 + 1) * 400].sorted() }
    #expect(try x.sorted().values(as: Double.self) == rows && x.sorted().dtype == dtype)
    #expect(try x.transposed().sorted(axis: 0).transposed().values(as: Double.self) == rows)
    #expect(try x.gatherElements(axis: 1, indices: x.argsort()).values(as: Double.self) == rows)
    #expect(try x.topk(3, largest: false).values.dtype == dtype)
    #expect(try abs(x.quantile(0.5).item() - (expected.sorted()[599] + expected.sorted()[600]) / 2) < 0.5)
  }

  @Test func quantiles() throws {
    let n = 60001
    let x = try Tensor.randn(Shape([n]), seed: 8)
    let ordered = try x.values(as: Float.self).sorted().map { Double($0) }
    let q = [0.9, 0, 1, 0.5, 0.123456, 1.0 / 60000] + (0..<80).map { Double($0) / 80 }
    let expected = q.map { q -> Double in
      let p = q * Double(n - 1), low = Int(p)
      return low + 1 < n ? ordered[low] + (ordered[low + 1] - ordered[low]) * (p - Double(low)) : ordered[low]
    }
    for threads in [1, 2] {
      let found = try Compute.withThreads(threads) { try x.quantile(q) }
      #expect(try difference(found, Tensor(expected).converted(to: .f32), absolute: 1e-7, relative: 1e-6) == nil)
    }
    let matrix = try x.narrowed(axis: 0, start: 0, length: 60000).reshaped([200, 300])
    let rows = try matrix.quantile([0.25, 0.9], axis: 1)
    #expect(rows.shape == [2, 200])
    #expect(try difference(rows.select(axis: 0, index: 1).select(axis: 0, index: 7), matrix.select(axis: 0, index: 7).quantile(0.9)) == nil)
    #expect(try matrix.quantile([0.5], axis: 0).shape == [1, 300] && Tensor([3 as Float, 1, 2, 10]).quantile(0.5).item() == 2.5)
    let (value, index) = try Tensor([3 as Float, 1, 2, 1]).kthValue(2)
    #expect(try value.item() == 1 && index.item() == 3)
    #expect(try Tensor([1 as Float, .nan]).quantile(0).item().isNaN && Tensor([Float.infinity, .infinity]).quantile(0.5).item() == .infinity)
    #expect(try Tensor([1, 2, 4]).quantile(0.75).item() == 3)
    for bad in [-0.1, 1.1, .nan] { #expect(throws: PareError.self) { try x.quantile([bad]) } }
    #expect(throws: PareError.self) { try Tensor.zeros([0]).quantile(0.5) }
    #expect(throws: PareError.self) { try x.kthValue(0) }
    #expect(throws: PareError.self) { try x.topk(n + 1) }
  }

  /// Large enough for the selection by a sample: spread values, ties at and around the rank, ascending ones, NaN.
  @Test func selectionOfMany() throws {
    let n = 600_013
    let normal = try Tensor.randn(Shape([n]), seed: 3)
    let ascending = try Tensor.arange(first: 0, count: n).converted(to: .f32)
    let withNaN = try Tensor.where(normal.gt(2), Tensor.full(normal.shape, .nan, .f32), normal)
    let cases = try [
      normal, normal.abs(), normal.round(), Tensor.where(normal.gt(0.3), normal, normal * 0), ascending, ascending * -1, withNaN,
      Tensor.zeros(normal.shape),
    ]
    for (number, x) in cases.enumerated() {
      let isNaN = try x.isNaN().any().item() != 0
      let up = try x.sorted().values(as: Float.self)
      try onEveryInstructionSet { level in
        let q = [0.1, 0.5, 0.5 + 1 / Double(n), 0.9, 0.999]
        let found = try x.quantile(q).values(as: Float.self)
        for (q, value) in zip(q, found) {
          let p = q * Double(n - 1), low = Int(p)
          let expected = Double(up[low]) + (Double(up[low + 1]) - Double(up[low])) * (p - Double(low))
          #expect(isNaN ? value.isNaN : abs(Double(value) - expected) <= 1e-6 * max(1, abs(expected)), "\(number) \(q) \(level)")
        }
        for largest in [false, true] {
          for k in [1, 1000, 60_000, 299_999] {
            let (values, indices) = try x.topk(k, largest: largest)
            let order = try x.argsort(descending: largest).narrowed(axis: 0, start: 0, length: k)
            #expect(try difference(indices, order.contiguous()) == nil, "\(number) \(k) \(largest) \(level)")
            #expect(try difference(values, x.gather(axis: 0, indices: indices)) == nil)
          }
        }
      }
    }
  }

  @Test(arguments: KMeansStart.allCases) func kMeans(_ start: KMeansStart) throws {
    let centers: [Double] = [-5, 0, 1, 9]
    let noise = try Tensor.randn([4, 500], seed: 2) * 0.05
    let line = try (noise + Tensor(centers).converted(to: .f32).unsqueezed(1)).reshaped([2000])
    let found = try line.kMeans(4, start: start == .linear ? .density : start, seed: 3)
    let c = try found.centroids.scalars()
    #expect(c == c.sorted() && found.centroids.shape == [4] && found.assignment.shape == [2000])
    // Every point is with the nearest centroid, and every centroid is the mean of its points.
    for points in [line, try Tensor.randn([3000], seed: 4)] {
      for k in [1, 2, 16] {
        let r = try points.kMeans(k, start: start, iterations: 1000, seed: 5)
        let (x, c, a) = (try points.scalars(), try r.centroids.scalars(), try r.assignment.values(as: Int.self))
        #expect(x.indices.allSatisfy { i in c.allSatisfy { abs(x[i] - $0) >= abs(x[i] - c[a[i]]) - 1e-6 } })
        for j in 0..<k {
          let mine = x.indices.filter { a[$0] == j }.map { x[$0] }
          if !mine.isEmpty { #expect(abs(mine.reduce(0, +) / Double(mine.count) - c[j]) < 1e-3) }
        }
        #expect(abs(r.inertia - x.indices.reduce(0) { $0 + (x[$1] - c[a[$1]]) * (x[$1] - c[a[$1]]) }) < 1e-6 * max(1, r.inertia))
        let again = try Compute.withThreads(1) { try points.kMeans(k, start: start, iterations: 1000, seed: 5) }
        #expect(try again.centroids.isEqual(to: r.centroids) && again.inertia == r.inertia)
      }
    }
    let plane = try Tensor.randn([900, 2], seed: 6) * 0.1 + Tensor([0 as Float, 0, 4, 0, 0, 4], shape: [3, 2]).tiled([300, 1])
    let r = try plane.kMeans(3, start: start, seed: 1)
    #expect(r.centroids.shape == [3, 2] && r.assignment.shape == [900])
    let again = try Compute.withThreads(1) { try plane.kMeans(3, start: start, seed: 1) }
    #expect(r.inertia == again.inertia)
    if start == .plusPlus { #expect(r.inertia < 30 && found.inertia < 10) }
    #expect(throws: PareError.self) { try line.kMeans(0) }
    #expect(throws: PareError.self) { try Tensor([1 as Float, .nan]).kMeans(1) }
    #expect(throws: PareError.self) { try Tensor([1, 2]).kMeans(1) }
  }
}
