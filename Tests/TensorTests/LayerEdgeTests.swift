import Support
import Tensor
import TestSupport
import Testing

private func draw(_ shape: [Int], _ stream: UInt64 = 0) throws -> Tensor {
  try Tensor.rand(Shape(shape), low: -1, high: 1, seed: 21, stream: stream, dtype: .f64)
}

/// Gradients of what the PyTorch cases do not reach, against central differences.
@Test(arguments: [
  GradientCase("attention with dropout, in blocks", [[2, 5, 3], [2, 4, 3], [2, 4, 2]], -1, 1) {
    try Tensor.attention(query: $0[0], key: $0[1], value: $0[2], dropout: 0.4, seed: 3, block: 2)
  },
  .init("attention that sees nothing", [[3, 2], [3, 2], [3, 2]], -1, 1) {
    let mask = try Tensor([true, false, true, false, false, false, true, true, false], shape: [3, 3])
    return try Tensor.attention(query: $0[0], key: $0[1], value: $0[2], mask: mask)
  },
  .init("attention with more queries than keys, causal", [[4, 2], [2, 2], [2, 3]], -1, 1) {
    try Tensor.attention(query: $0[0], key: $0[1], value: $0[2], causal: true)
  },
  .init("lstm of uneven lengths, peepholes", [[4, 2, 3], [2, 8, 3], [2, 8, 2], [2, 16], [2, 6]], -1, 1) { x in
    let result = try x[0].lstm(
      w: x[1], r: x[2], b: x[3], lengths: Tensor([4, 2]), p: x[4], Recurrence(.bidirectional, clip: 2.5))
    return try result.y.sum(axes: [0]).square() + result.h.transposed(0, 1).reshaped([2, 2, 2]).transposed(0, 1) + result.c
  },
  .init("lstm with coupled gates, batch first", [[2, 3, 2], [1, 8, 2], [1, 8, 2]], -1, 1) {
    try $0[0].lstm(w: $0[1], r: $0[2], Recurrence(batchFirst: true, inputForget: true)).y
  },
  .init("gru, reset before the product", [[3, 2, 2], [1, 6, 2], [1, 6, 2], [1, 12]], -1, 1) {
    try $0[0].gru(w: $0[1], r: $0[2], b: $0[3], lengths: Tensor([1, 3]), Recurrence(.reverse)).y
  },
  .init("rotary", [[2, 3, 6]], -1, 1) {
    let (cosine, sine) = try Tensor.rotaryTable(count: 3, width: 4, dtype: .f64)
    return try $0[0].rotated(cosine: cosine, sine: sine).square() + $0[0].rotated(cosine: cosine, sine: sine, interleaved: true)
  },
  .init("istft", [[2, 4, 5, 2]], -1, 1) { try $0[0].istft(frame: 8, step: 3, window: WindowFunction.hamming(8, dtype: .f64)) },
  .init("overlapAdded beyond its windows", [[3, 2]], -1, 1) { try $0[0].overlapAdded(axis: 0, length: 9, step: 2, dilation: 2).square() },
  .init("convTranspose to a shape", [[1, 2, 3, 3], [2, 2, 3, 3]], -1, 1) {
    try $0[0].convTranspose(weight: $0[1], strides: [2], outputShape: [6, 5])
  },
  .init("lpPool over zeros", [[1, 1, 4]], -1, 1) { try ($0[0] * 0 + $0[0].relu()).lpPool(kernel: [2], padding: [1]) + 0 * $0[0].sum() },
  .init("crop and resize", [[1, 1, 4, 5]], -1, 1) {
    try $0[0].resized(
      axes: [2, 3], sizes: [3, 4], region: [(0.1, 0.8), (-0.2, 1.2)],
      Interpolation(.linear, coordinates: .tfCropAndResize, extrapolation: 3))
  },
])
func layerGradientEqualsCentralDifferences(_ c: GradientCase) throws {
  #expect(try checkGradients(c.inputs(), tolerance: 2e-6, c.f) == nil)
}

@Suite struct LayerEdgeTests {
  @Test func attentionDoesNotDependOnBlocks() throws {
    let (q, k, v) = (try draw([2, 4, 9, 3]), try draw([2, 2, 7, 3], 1), try draw([2, 2, 7, 5], 2))
    let mask = try draw([9, 7], 3).gt(-0.5)
    let whole = try Tensor.attention(query: q, key: k, value: v, mask: mask)
    for block in [1, 4, 9] {
      #expect(try difference(Tensor.attention(query: q, key: k, value: v, mask: mask, block: block), whole, absolute: 1e-14) == nil)
    }
    let nothing = try Tensor.attention(query: q, key: k, value: v, mask: Tensor.zeros([7], .bool))
    #expect(try nothing.abs().max().item() == 0)
    #expect(try Tensor.attention(query: draw([0, 3]), key: draw([2, 3]), value: draw([2, 4])).shape == [0, 4])
    let dropped = try Tensor.attention(query: q, key: k, value: v, dropout: 0.5, seed: 1)
    #expect(try dropped.isEqual(to: Tensor.attention(query: q, key: k, value: v, dropout: 0.5, seed: 1)))
    #expect(try !dropped.isEqual(to: Tensor.attention(query: q, key: k, value: v, dropout: 0.5, seed: 2)))
  }

  @Test func inverseTransformsGiveTheSignalBack() throws {
    let x = try draw([2, 50])
    #expect(try difference(x.rfft().irfft(length: 50), x, absolute: 1e-14) == nil)
    #expect(try difference(x.rfft(length: 50).irfft(), x, absolute: 1e-14) == nil)
    let window = try WindowFunction.hann(16, dtype: .f64)
    let back = try x.stft(frame: 16, step: 4, window: window).istft(frame: 16, step: 4, window: window)
    // The first sample has weight 0, and the last two lie behind the last frame.
    #expect(try difference(back.slice(axis: 1, from: 1, to: 48), x.slice(axis: 1, from: 1, to: 48), absolute: 1e-12) == nil)
    // A long prime: the chirp's angles must stay exact.
    let long = try draw([1, 4099])
    #expect(try difference(long.rfft().irfft(length: 4099), long, absolute: 1e-12) == nil)
  }

  @Test func resultsLieAsTheirInputs() throws {
    let x = try draw([2, 3, 6, 5]).channelsLast()
    #expect(try x.resized(axes: [2, 3], sizes: [4, 9], Interpolation(.linear)).isChannelsLast)
    #expect(try x.adaptiveAveragePool([2, 2]).isChannelsLast)
    let half = try x.converted(to: .f16).resized(axes: [2], sizes: [4], Interpolation(.cubic))
    #expect(half.dtype == .f16)
    #expect(try difference(half, x.resized(axes: [2], sizes: [4], Interpolation(.cubic)), absolute: 2e-3, checkingDType: false) == nil)
    let whole = try Tensor([1, 2, 3, 4], shape: [1, 1, 4]).resized(axes: [2], sizes: [2], Interpolation(coordinates: .asymmetric, rounding: .floor))
    #expect(try whole.values(as: Int.self) == [1, 3])
  }

  @Test func emptyBatches() throws {
    #expect(try draw([0, 2, 4, 4]).maxPool(kernel: [2]).shape == [0, 2, 2, 2])
    #expect(try draw([0, 2, 4, 4, 4]).conv(weight: draw([3, 2, 2, 2, 2])).shape == [0, 3, 3, 3, 3])
    #expect(try draw([0, 2, 3]).convTranspose(weight: draw([2, 3, 2])).shape == [0, 3, 4])
    #expect(try draw([0, 8]).rfft().shape == [0, 5, 2])
    #expect(try draw([0, 2, 4, 4]).resized(axes: [2], sizes: [2], Interpolation(.linear)).shape == [0, 2, 2, 4])
    #expect(try draw([0, 2, 6]).unfolded(kernel: [3]).shape == [0, 6, 4])
    #expect(try draw([0, 2, 4, 4]).maxPoolWithIndices(kernel: [2]).indices.shape == [0, 2, 2, 2])
  }

  struct WrongCall: Sendable, CustomTestStringConvertible {
    let op: String
    let code: PareError.Code
    let body: @Sendable () throws -> Tensor
    init(_ op: String, _ code: PareError.Code, _ body: @escaping @Sendable () throws -> Tensor) {
      (self.op, self.code, self.body) = (op, code, body)
    }
    var testDescription: String { "\(op): \(code)" }
  }

  static let wrongCalls: [WrongCall] = [
    WrongCall("conv", .shape) { try draw([1, 4, 3, 3, 3]).conv(weight: draw([2, 3, 1, 1, 1])) },
    WrongCall("conv", .shape) { try draw([1, 1, 2, 2, 2]).conv(weight: draw([1, 1, 3, 3, 3])) },
    WrongCall("conv", .argument) { try draw([1, 1, 2, 2, 2]).conv(weight: draw([1, 1, 1, 1, 1]), strides: [0]) },
    WrongCall("convTranspose", .shape) { try draw([1, 2, 3]).convTranspose(weight: draw([3, 1, 2])) },
    WrongCall("convTranspose", .argument) { try draw([1, 1, 3]).convTranspose(weight: draw([1, 1, 2]), outputPadding: [1]) },
    WrongCall("convTranspose", .shape) { try draw([1, 1, 3]).convTranspose(weight: draw([1, 1, 2]), padding: [9]) },
    WrongCall("convTranspose", .argument) { try draw([1, 1, 3]).convTranspose(weight: draw([1, 1, 2]), outputShape: [99]) },
    WrongCall("maxPool", .argument) { try draw([1, 1, 4, 4]).maxPoolWithIndices(kernel: [2], padding: [2]).values },
    WrongCall("maxPool", .shape) { try draw([1, 1]).maxPool(kernel: [2]) },
    WrongCall("lpPool", .argument) { try draw([1, 1, 4]).lpPool(p: 0.5, kernel: [2]) },
    WrongCall("maxUnpool", .shape) { try draw([1, 1, 2]).maxUnpool(indices: Tensor([0, 1]), sizes: [4]) },
    WrongCall("scatterElements", .argument) { try draw([1, 1, 2]).maxUnpool(indices: Tensor([0, 9], shape: [1, 1, 2]), sizes: [4]) },
    WrongCall("adaptiveAveragePool", .shape) { try draw([1, 1, 4]).adaptiveAveragePool([0]) },
    WrongCall("windows", .shape) { try draw([3]).windows(axis: 0, size: 4) },
    WrongCall("windows", .argument) { try draw([3]).windows(axis: 0, size: 0) },
    WrongCall("overlapAdd", .shape) { try draw([3, 2]).overlapAdded(axis: 0, length: 3) },
    WrongCall("fold", .shape) { try draw([1, 4, 3]).folded(sizes: [4], kernel: [3]) },
    WrongCall("resize", .argument) { try draw([1, 4]).resized(axes: [1, 1], sizes: [2, 2]) },
    WrongCall("resize", .argument) { try draw([1, 4]).resized(axes: [1], sizes: [2], scales: [-1]) },
    WrongCall("resize", .dtype) { try Tensor([1, 2]).resized(axes: [0], sizes: [3], Interpolation(.linear)) },
    WrongCall("resize", .shape) { try draw([0, 4]).resized(axes: [0], sizes: [3]) },
    WrongCall("gridSample", .shape) { try draw([1, 1, 2, 2]).gridSampled(draw([1, 2, 2, 3])) },
    WrongCall("attention", .shape) { try Tensor.attention(query: draw([3, 4, 2]), key: draw([2, 4, 2]), value: draw([2, 4, 2])) },
    WrongCall("attention", .dtype) { try Tensor.attention(query: draw([4, 2]), key: draw([4, 2]), value: draw([4, 2]).converted(to: .f32)) },
    WrongCall("attention", .shape) { try Tensor.attention(query: draw([4, 2]), key: draw([4, 2]), value: draw([4, 2]), mask: draw([3])) },
    WrongCall("multiHeadAttention", .shape) {
      try Tensor.multiHeadAttention(query: draw([4, 5]), key: draw([4, 5]), value: draw([4, 5]), heads: 2)
    },
    WrongCall("lstm", .shape) { try draw([2, 1, 3]).lstm(w: draw([1, 8, 4]), r: draw([1, 8, 2])).y },
    WrongCall("gru", .argument) { try draw([2, 1, 3]).gru(w: draw([1, 6, 3]), r: draw([1, 6, 2]), lengths: Tensor([3])).y },
    WrongCall("rnn", .argument) {
      try draw([2, 1, 3]).rnn(w: draw([1, 2, 3]), r: draw([1, 2, 2]), Recurrence(activations: Recurrence.Activation.list(["Tanh", "Relu"]))).y
    },
    WrongCall("rotary", .shape) { try draw([2, 3]).rotated(cosine: draw([2, 2]), sine: draw([2, 2])) },
    WrongCall("dft", .shape) { try draw([4, 3]).dft() },
    WrongCall("dft", .argument) { try draw([4, 2]).dft(axis: 1) },
    WrongCall("stft", .shape) { try draw([20]).stft(frame: 8, step: 2, window: draw([7])) },
    WrongCall("windows", .shape) { try draw([4]).stft(frame: 8, step: 2) },
  ]

  @Test(arguments: wrongCalls)
  func wrongCallsAreErrors(_ call: WrongCall) {
    let error = #expect(throws: PareError.self) { try call.body() }
    #expect(error?.code == call.code)
    #expect(error?.op == call.op || error?.description.contains("[\(call.op)]") == true, "\(error?.description ?? "")")
  }

  @Test func unknownActivationsAreNamed() throws {
    let error = #expect(throws: PareError.self) { try Recurrence.Activation("Sigmod") }
    #expect(error?.code == .argument && error?.suggestion?.contains("Sigmoid") == true)
  }
}
