import Support
import Tensor
import TestSupport
import Testing

/// Layers of f16 and bf16 on the libraries against the reference, which computes them in f32: at most one rounding apart.
@Suite struct HalfLayerTests {
  static let types: [DType] = [.f16, .bf16]

  /// Result and gradients of `body` on both backends, for operands that the type holds exactly.
  private func compare(_ dtype: DType, _ inputs: [Tensor], _ body: ([Tensor]) throws -> Tensor) throws {
    let inputs = try inputs.map { try $0.converted(to: dtype) }
    func run() throws -> [Tensor] {
      let leaves = inputs.map { $0.tracked() }
      let y = try body(leaves)
      let gradients = try y.backward(seed: Tensor.randn(y.shape, seed: 99).converted(to: dtype))
      return try [y.detached()] + leaves.map { try #require(gradients[$0]) }
    }
    let expected = try Compute.withBackend(.reference) { try run() }
    for (value, other) in zip(try run(), expected) {
      #expect(value.dtype == dtype)
      #expect(try difference(value, other, relative: dtype == .bf16 ? 0x1p-7 : 0x1p-9) == nil)
    }
  }

  @Test(arguments: OneDNNGradientTests.convolutions, types)
  func convolutions(_ c: OneDNNGradientTests.Convolution, dtype: DType) throws {
    var inputs = [try Tensor.randn(Shape(c.input), seed: 1), try Tensor.randn(Shape(c.weight), seed: 2)]
    if c.bias { inputs.append(try Tensor.randn([c.weight[0]], seed: 3)) }
    for relu in [false, true] {
      try compare(dtype, inputs) {
        let y = try $0[0].conv(
          weight: $0[1], bias: c.bias ? $0[2] : nil, strides: c.strides, padding: c.padding, dilations: c.dilations,
          groups: c.groups)
        return relu ? try y.relu() : y
      }
    }
  }

  /// So many images that their scratch memory is taken in parts.
  @Test func batchesInParts() throws {
    try compare(.bf16, [Tensor.randn([48, 32, 16, 16], seed: 1), Tensor.randn([32, 32, 3, 3], seed: 2)]) {
      try $0[0].conv(weight: $0[1], padding: [1, 1, 1, 1])
    }
  }

  @Test(arguments: types) func pooling(_ dtype: DType) throws {
    let x = try Tensor.randn([2, 5, 9, 8], seed: 1)
    try compare(dtype, [x]) { try $0[0].maxPool(kernel: [3, 3], strides: [2, 2], padding: [1, 1, 1, 1]) }
    try compare(dtype, [x]) { try $0[0].averagePool(kernel: [2, 2], strides: [2, 2]) }
  }

  @Test(arguments: types) func products(_ dtype: DType) throws {
    for sizes in [[96, 80, 64], [65, 70, 130], [5, 3, 4], [1, 512, 1024]] {
      let (a, b) = (try Tensor.randn([sizes[0], sizes[2]], seed: 1), try Tensor.randn([sizes[2], sizes[1]], seed: 2))
      try compare(dtype, [a, b]) { try $0[0].matmul($0[1]) }
      try compare(dtype, [a.transposed().contiguous(), b]) { try $0[0].transposed().matmul($0[1]) }
      try compare(dtype, [a, b.transposed().contiguous()]) { try $0[0].matmul($0[1].transposed()) }
      try compare(dtype, [a, b.transposed().contiguous(), Tensor.randn([sizes[1]], seed: 3)]) {
        try $0[0].linear(weight: $0[1], bias: $0[2])
      }
    }
    try compare(dtype, [Tensor.randn([3, 1, 64, 70], seed: 1), Tensor.randn([2, 70, 66], seed: 2)]) { try $0[0].matmul($0[1]) }
  }
}
