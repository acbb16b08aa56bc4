import Support
import Tensor
import TestSupport
import Testing

/// Fully connected layers whose rows are worked on in blocks, and views over what is not row-major.
@Suite struct LinearTests {
  /// f32 in blocks against f64, which is one product; numbers of rows that do not divide into blocks.
  @Test(arguments: [[4099, 33, 20], [2048, 16, 1], [5000, 70, 130]], [1, 2, 3])
  func blocks(_ sizes: [Int], threads: Int) throws {
    let (rows, inner, outputs) = (sizes[0], sizes[1], sizes[2])
    let inputs = try [
      Tensor.randn(Shape([rows, inner]), seed: 1, dtype: .f64), Tensor.randn(Shape([outputs, inner]), seed: 2, dtype: .f64),
      Tensor.randn(Shape([outputs]), seed: 3, dtype: .f64), Tensor.randn(Shape([rows, outputs]), seed: 4, dtype: .f64),
    ]
    let weights = try Tensor.randn(Shape([rows, outputs]), seed: 5, dtype: .f64)
    func run(_ dtype: DType, relu: Bool) throws -> [Tensor] {
      let leaves = try inputs.map { try $0.converted(to: dtype).tracked() }
      let y = try leaves[0].linear(weight: leaves[1], bias: leaves[2], residual: leaves[3], relu: relu)
      let gradients = try (y * weights.converted(to: dtype)).sum().backward()
      return try [y.detached()] + leaves.map { try #require(gradients[$0]) }
    }
    try Compute.withThreads(threads) {
      let (fast, exact) = (try run(.f32, relu: false), try run(.f64, relu: false))
      for (a, b) in zip(fast, exact) { #expect(try relativeError(a, b) < 1e-4) }
      let y = try run(.f32, relu: true)[0]
      #expect(try relativeError(y, run(.f64, relu: true)[0]) < 1e-4)
      #expect(try y.min().item() == 0)
    }
  }

  /// Columns in place, and rows that are apart.
  @Test func stridedInput() throws {
    let x = try Tensor.randn([40, 3000], seed: 1), w = try Tensor.randn([24, 40], seed: 2)
    #expect(try relativeError(x.transposed().linear(weight: w), x.transposed().contiguous().linear(weight: w)) < 1e-6)
    let wide = try Tensor.randn([3000, 100], seed: 3)
    let part = try wide.slice(axis: 1, from: 30, to: 70)
    #expect(try relativeError(part.linear(weight: w), part.contiguous().linear(weight: w)) < 1e-6)
  }

  @Test func sameBits() throws {
    let x = try Tensor.randn([4099, 33], seed: 1), w = try Tensor.randn([20, 33], seed: 2).tracked()
    func run() throws -> [Float] {
      let y = try x.linear(weight: w, bias: Tensor.ones([20]))
      let gradient = try #require(y.square().sum().backward()[w])
      return try y.values(as: Float.self) + gradient.values(as: Float.self)
    }
    try Compute.withThreads(2) {
      let first = try run()
      for _ in 0..<5 { #expect(try run() == first) }
    }
  }

  @Test func nothing() throws {
    let w = try Tensor.ones([3, 4])
    #expect(try Tensor.ones([0, 4]).linear(weight: w, bias: Tensor.ones([3])).shape == [0, 3])
    let y = try Tensor.ones([2, 0]).linear(weight: Tensor.ones([3, 0]), bias: Tensor.full([3], 2, .f32), residual: Tensor.ones([2, 3]))
    #expect(try y.values(as: Float.self) == [3, 3, 3, 3, 3, 3])
  }

  @Test func refusals() throws {
    let x = try Tensor.ones([2, 4]), w = try Tensor.ones([3, 4])
    #expect { try x.linear(weight: w, residual: Tensor.ones([3])) } throws: { ($0 as? PareError)?.code == .shape }
    #expect { try x.linear(weight: w, residual: Tensor.ones([2, 3], .f64)) } throws: { ($0 as? PareError)?.code == .dtype }
  }

  /// Axes are divided and joined in place where they lie a constant step apart.
  @Test func reshapedViews() throws {
    let x = try Tensor.arange(count: 6 * 12)
    let whole = try x.reshaped([6, 12])
    let part = try whole.slice(axis: 1, from: 4, to: 8)
    let heads = try part.reshaped([2, 3, 2, 2])
    #expect(heads.strides == [36, 12, 2, 1])
    #expect(try heads.values(as: Float.self) == part.values(as: Float.self))
    #expect(try heads.reshaped([6, 4]).strides == [12, 1])
    // What no stride describes is copied.
    let turned = try heads.permuted([0, 2, 1, 3]).reshaped([4, 6])
    #expect(turned.isContiguous)
    #expect(try turned.slice(axis: 0, to: 1).values(as: Float.self) == [4, 5, 16, 17, 28, 29])
    let flipped = try x.flipped(axis: 0).reshaped([8, 9])
    #expect(flipped.strides == [-9, -1])
    #expect(try flipped.select(axis: 0, index: 0).values(as: Float.self) == [71, 70, 69, 68, 67, 66, 65, 64, 63])
    #expect(try Tensor.ones([1]).expanded(to: [3, 4]).reshaped([2, 6]).values(as: Float.self) == Array(repeating: 1, count: 12))
    #expect(try Tensor.ones([3, 1, 4]).transposed(0, 2).reshaped([4, 3, 1, 1]).strides.prefix(2) == [1, 4])
    #expect(try Tensor.ones([0, 4]).transposed().reshaped([2, 0]).shape == [2, 0])
  }
}
