import Support
import Tensor
import TestSupport
import Testing

/// One differentiable function with the inputs at which it is checked.
struct GradientCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let shapes: [[Int]]
  /// Inputs are spread over this interval.
  let low: Double, high: Double
  let f: @Sendable ([Tensor]) throws -> Tensor

  init(_ name: String, _ shapes: [[Int]], _ low: Double = -2, _ high: Double = 2, _ f: @escaping @Sendable ([Tensor]) throws -> Tensor) {
    testDescription = name
    (self.shapes, self.low, self.high, self.f) = (shapes, low, high, f)
  }

  func inputs() throws -> [Tensor] {
    try shapes.enumerated().map { i, shape in
      try Tensor.rand(Shape(shape), low: low, high: high, seed: 5, stream: UInt64(i), dtype: .f64)
    }
  }
}

private let shape = [2, 3, 4]

private let elementwise: [GradientCase] = [
  .init("add", [shape, shape]) { try $0[0] + $0[1] },
  .init("add broadcast", [[3, 1], [2, 1, 4]]) { try $0[0] + $0[1] },
  .init("add scalar tensor", [[], [2, 3]]) { try $0[0] + $0[1] },
  .init("sub", [shape, [4]]) { try $0[0] - $0[1] },
  .init("mul", [shape, [3, 1]]) { try $0[0] * $0[1] },
  .init("mul by itself", [shape]) { try $0[0] * $0[0] },
  .init("div", [shape, [2, 1, 4]], 0.5, 2) { try $0[0] / $0[1] },
  .init("numbers", [shape], 0.5, 2) { x in try 3 - (2 * x[0] + 1) / 4 + 5 / x[0] - 1 },
  .init("pow number", [shape], 0.5, 2) { try $0[0].pow(2.5) },
  .init("pow 3 of negatives", [shape]) { try $0[0].pow(3) },
  .init("pow 2", [shape]) { try $0[0].pow(2) },
  .init("pow 0", [shape]) { try $0[0].pow(0) },
  .init("pow tensor", [shape, [4]], 0.5, 2) { try $0[0].pow($0[1]) },
  .init("maximum", [shape, [4]]) { try $0[0].maximum($0[1]) },
  .init("minimum", [shape, [4]]) { try $0[0].minimum($0[1]) },
  .init("maximum number", [shape]) { try $0[0].maximum(0.3) },
  .init("neg", [shape]) { try -$0[0] },
  .init("abs", [shape]) { try $0[0].abs() },
  .init("sqrt", [shape], 0.5, 2) { try $0[0].sqrt() },
  .init("rsqrt", [shape], 0.5, 2) { try $0[0].rsqrt() },
  .init("square", [shape]) { try $0[0].square() },
  .init("exp", [shape]) { try $0[0].exp() },
  .init("log", [shape], 0.5, 2) { try $0[0].log() },
  .init("sin", [shape]) { try $0[0].sin() },
  .init("cos", [shape]) { try $0[0].cos() },
  .init("tanh", [shape]) { try $0[0].tanh() },
  .init("sigmoid", [shape]) { try $0[0].sigmoid() },
  .init("erf", [shape]) { try $0[0].erf() },
  .init("relu", [shape]) { try $0[0].relu() },
  .init("reciprocal", [shape], 0.5, 2) { try $0[0].reciprocal() },
  .init("clip", [shape]) { try $0[0].clip(min: -0.7, max: 1.1) },
  .init("where", [shape, [4]]) { try Tensor.where($0[0].gt(0.1), $0[0], $0[1]) },
  .init("dropout", [shape]) { x in
    try x[0].dropout(mask: Tensor.rand([2, 3, 4], seed: 3, dtype: .f64).lt(0.6), keep: 0.6)
  },
  .init("sign is flat", [shape]) { x in try x[0].sign() + x[0].floor() + x[0].round() + x[0] },
]

private let views: [GradientCase] = [
  .init("reshape", [shape]) { try $0[0].reshaped([4, -1]).square() },
  .init("reshape of a transpose", [shape]) { try $0[0].transposed(0, 2).reshaped([6, 4]).square() },
  .init("flatten", [shape]) { try $0[0].flattened().square() },
  .init("transpose", [shape]) { try $0[0].transposed(0, 2).square() },
  .init("permute", [shape]) { try $0[0].permuted([1, 2, 0]).exp() },
  .init("slice", [shape]) { try $0[0].slice(axis: 2, from: 1, to: 4, step: 2).square() },
  .init("slices side by side", [shape]) { x in
    let parts = try x[0].split(axis: 2, sizes: [1, 3])
    return try Tensor.concat([parts[1].square(), parts[0].exp()], axis: 2)
  },
  .init("slices over each other", [shape]) { x in
    try x[0].slice(axis: 2, to: 3).square() + x[0].slice(axis: 2, from: 1) * x[0].slice(axis: 2, from: 1, to: 4)
  },
  .init("slices of several axes and the whole", [shape]) { x in
    try x[0].slice(axis: 0, to: 1).sum() * x[0].slice(axis: 1, from: 1, to: 2).sum() + x[0].square().sum()
  },
  .init("heads of a joint projection", [[6, 12]]) { x in
    let parts = try x[0].split(axis: 1, sizes: [4, 4, 4]).map { try $0.reshaped([2, 3, 2, 2]).permuted([0, 2, 1, 3]) }
    return try parts[0].matmul(parts[1].transposed()).matmul(parts[2]).permuted([0, 2, 1, 3]).reshaped([6, 4])
  },
  .init("slice backwards", [shape]) { try $0[0].slice(axis: 1, from: 0, to: 3, step: -2).square() },
  .init("flip", [shape]) { try $0[0].flipped(axis: 1) * $0[0] },
  .init("narrow", [shape]) { try $0[0].narrowed(axis: 1, start: 1, length: 2).square() },
  .init("select", [shape]) { try $0[0].select(axis: 1, index: -1).square() },
  .init("empty slice", [shape]) { try $0[0].slice(axis: 0, from: 1, to: 1).square() },
  .init("expand", [[3, 1]]) { try $0[0].expanded(to: [2, 3, 4]).square() },
  .init("squeeze", [[2, 1, 3]]) { try $0[0].squeezed(1).square() },
  .init("unsqueeze", [[2, 3]]) { try $0[0].unsqueezed(1).square() },
  .init("channels last", [[2, 3, 2, 2]]) { try $0[0].channelsLast().square() },
  .init("concat", [[2, 3], [2, 1]]) { try Tensor.concat($0, axis: 1).square() },
  .init("concat with itself", [[2, 3]]) { try Tensor.concat([$0[0], $0[0].exp()], axis: 0) },
  .init("stack", [[2, 3], [2, 3]]) { try Tensor.stack($0, axis: 1).square() },
  .init("split", [[5, 2]]) { x in
    let parts = try x[0].split(axis: 0, sizes: [2, 3])
    return try parts[0].sum() * parts[1]
  },
  .init("gather", [[3, 2, 2]]) { try $0[0].gather(axis: 1, indices: Tensor([1, 0, 1, -1], shape: [2, 2])).square() },
  .init("gatherElements", [[3, 2]]) { try $0[0].gatherElements(axis: 0, indices: Tensor([2, 0, 2, 1], shape: [2, 2])).square() },
  .init("scatterElements", [[3, 2], [2, 2]]) { x in
    try x[0].scatterElements(axis: 0, indices: Tensor([2, 0, 1, 1], shape: [2, 2]), values: x[1]).square()
  },
  .init("pad", [[2, 3]]) { try $0[0].padded([1, 0, 0, 2], value: 3).square() },
  .init("pad reflect", [[2, 3]]) { try $0[0].padded([1, 2, 0, 1], mode: .reflect).square() },
  .init("pad edge", [[2, 3]]) { try $0[0].padded([2, 0, 1, 4], mode: .edge).square() },
  .init("pad negative", [[4, 3]]) { try $0[0].padded([-1, 0, -1, 2]).square() },
  .init("tile", [[2, 3]]) { try $0[0].tiled([2, 3]).square() },
]

private let reductions: [GradientCase] = [
  .init("sum", [shape]) { try $0[0].square().sum() },
  .init("sum of axes", [shape]) { try $0[0].sum(axes: [0, -1]).square() },
  .init("sum kept", [shape]) { try $0[0].sum(axes: [1], keepDims: true).square() },
  .init("sum of a transpose", [shape]) { try $0[0].transposed(0, 2).sum(axes: [1]).square() },
  .init("mean", [shape]) { try $0[0].mean(axes: [0, 2]).exp() },
  .init("prod", [shape]) { try $0[0].prod(axes: [1]) },
  .init("max", [shape]) { try $0[0].max(axes: [1]).square() },
  .init("min", [shape]) { try $0[0].min(keepDims: true).square() },
  .init("variance", [shape]) { try $0[0].variance(axes: [0, 1]) },
  .init("variance biased", [shape]) { try $0[0].variance(unbiased: false) },
  .init("norm 2", [shape]) { try $0[0].norm(axes: [2]) },
  .init("norm 1", [shape]) { try $0[0].norm(1) },
  .init("norm 3", [shape], 0.5, 2) { try $0[0].norm(3, axes: [1], keepDims: true) },
  .init("norm infinity", [shape]) { try $0[0].norm(.infinity, axes: [1]) },
  .init("sorted", [[3, 4]]) { try $0[0].sorted(axis: 0).exp() },
  .init("topk", [[3, 4]]) { try $0[0].topk(2).values.square() },
  .init("cumsum", [[3, 4]]) { try $0[0].cumsum(axis: 1).square() },
  .init("cumsum exclusive reverse", [[3, 4]]) { try $0[0].cumsum(axis: 0, exclusive: true, reverse: true).square() },
]

private let network: [GradientCase] = [
  .init("matmul", [[3, 4], [4, 2]]) { try $0[0].matmul($0[1]) },
  .init("matmul transposed", [[4, 3], [2, 4]]) { try $0[0].transposed().matmul($0[1].transposed()) },
  .init("matmul vectors", [[4], [4]]) { try $0[0].matmul($0[1]) },
  .init("matmul vector matrix", [[4], [4, 3]]) { try $0[0].matmul($0[1]) },
  .init("matmul batched", [[2, 1, 3, 4], [3, 4, 2]]) { try $0[0].matmul($0[1]) },
  .init("linear", [[5, 4], [3, 4], [3]]) { try $0[0].linear(weight: $0[1], bias: $0[2]) },
  .init("linear 3-D", [[2, 5, 4], [3, 4], [3]]) { try $0[0].linear(weight: $0[1], bias: $0[2]) },
  .init("conv", [[2, 3, 5, 4], [4, 3, 3, 2], [4]]) { try $0[0].conv(weight: $0[1], bias: $0[2], padding: [1]) },
  .init("conv stride dilation pads", [[1, 2, 7, 6], [2, 2, 2, 2]]) {
    try $0[0].conv(weight: $0[1], strides: [2, 1], padding: [1, 0, 2, 1], dilations: [1, 2])
  },
  .init("conv grouped", [[2, 4, 4, 4], [6, 2, 3, 3], [6]]) { try $0[0].conv(weight: $0[1], bias: $0[2], groups: 2) },
  .init("conv depthwise", [[2, 3, 4, 4], [3, 1, 3, 3]]) { try $0[0].conv(weight: $0[1], padding: [1], groups: 3) },
  .init("conv 1-D", [[2, 3, 6], [4, 3, 3], [4]]) { try $0[0].conv(weight: $0[1], bias: $0[2], strides: [2], padding: [1, 0]) },
  .init("conv transposed", [[2, 3, 3, 2], [3, 2, 3, 3], [2]]) {
    try $0[0].convTranspose(weight: $0[1], bias: $0[2], strides: [2], padding: [1], outputPadding: [1])
  },
  .init("maxPool", [[2, 2, 5, 4]]) { try $0[0].maxPool(kernel: [2], strides: [2]) },
  .init("maxPool overlapping", [[1, 2, 5, 5]]) { try $0[0].maxPool(kernel: [3, 2], strides: [1, 2], padding: [1], ceil: true) },
  .init("averagePool", [[2, 2, 5, 4]]) { try $0[0].averagePool(kernel: [3, 2], strides: [2], padding: [1, 0]) },
  .init("averagePool with pad", [[1, 2, 5, 5]]) {
    try $0[0].averagePool(kernel: [3], strides: [2], padding: [1], ceil: true, countIncludePad: true)
  },
  .init("globalAveragePool", [[2, 3, 2, 4]]) { try $0[0].globalAveragePool().square() },
  .init("globalMaxPool", [[2, 3, 2, 4]]) { try $0[0].globalMaxPool().square() },
  .init("batchNorm", [[3, 2, 2, 2], [2], [2], [2]]) { x in
    try x[0].batchNorm(scale: x[1], shift: x[2], mean: x[3], variance: x[3].square() + 0.5)
  },
  .init("batchNormTraining", [[3, 2, 2, 3], [2], [2]]) { try $0[0].batchNormTraining(scale: $0[1], shift: $0[2]).y },
  .init("batchNormTraining 2-D", [[5, 3], [3], [3]]) { try $0[0].batchNormTraining(scale: $0[1], shift: $0[2]).y },
  .init("batchNormTraining residual relu", [[3, 2, 2, 3], [2], [2], [3, 2, 2, 3]]) {
    try $0[0].batchNormTraining(scale: $0[1], shift: $0[2], residual: $0[3], rectifier: .relu).y
  },
  .init("batchNormTraining relu", [[3, 2, 2, 3], [2], [2]]) {
    try $0[0].batchNormTraining(scale: $0[1], shift: $0[2], rectifier: .relu).y
  },
  .init("conv relu", [[2, 3, 5, 4], [4, 3, 3, 2], [4]]) { try $0[0].conv(weight: $0[1], bias: $0[2], padding: [1], relu: true) },
  .init("linear residual", [[2, 5, 4], [3, 4], [2, 5, 3]]) { try $0[0].linear(weight: $0[1], residual: $0[2]) },
  .init("linear bias residual relu", [[5, 4], [3, 4], [3], [5, 3]]) {
    try $0[0].linear(weight: $0[1], bias: $0[2], residual: $0[3], relu: true)
  },
  .init("matmul by columns", [[2, 3, 4], [2, 5, 4]]) { try $0[0].matmul($0[1].transposed()) },
  .init("matmul of columns", [[4, 3], [2, 4, 5]]) { try $0[0].transposed().matmul($0[1]) },
  .init("linear relu", [[2, 5, 4], [3, 4], [3]]) { try $0[0].linear(weight: $0[1], bias: $0[2], relu: true) },
  .init("softmax", [shape]) { try $0[0].softmax(axis: 1) },
  .init("logSoftmax", [shape]) { try $0[0].logSoftmax() },
  .init("crossEntropy", [[4, 3]]) { try $0[0].crossEntropy(labels: Tensor([2, 0, 1, 1])) },
  .init("crossEntropy smoothed", [[4, 3]]) { try $0[0].crossEntropy(labels: Tensor([2, 0, 1, 1]), smoothing: 0.1) },
]

private let boundaries: [GradientCase] = [
  .init("one element", [[1]]) { try $0[0].exp().sum() },
  .init("no axes", [[]]) { try $0[0].exp() * $0[0] },
  .init("no elements", [[0, 3], [3]]) { try ($0[0] * $0[1]).sum(axes: [1]) },
  .init("no elements, sum", [[0, 3], [3]]) { try ($0[0] * $0[1]).sum() },
  .init("matmul of nothing", [[2, 0], [0, 3]]) { try $0[0].matmul($0[1]) },
  .init("expanded operand", [[3, 1], [3, 4]]) { try $0[0].expanded(to: [3, 4]) * $0[1] },
  .init("strided operands", [[4, 6], [3, 4]]) { x in
    try x[0].slice(axis: 1, step: 2) * x[1].transposed()
  },
  .init("channels last with bias", [[2, 3, 2, 2], [3, 1, 1]]) { try $0[0].channelsLast() * $0[1] },
]

@Test(arguments: elementwise + views + reductions + network + boundaries)
func gradientEqualsCentralDifferences(_ c: GradientCase) throws {
  let inputs = try c.inputs()
  #expect(try checkGradients(inputs, c.f) == nil)
  // The reference must say the same as whatever the thread's backend chose.
  #expect(try Compute.withBackend(.reference) { try checkGradients(inputs, c.f) } == nil)
}

@Test(arguments: elementwise + reductions + network)
func gradientHoldsForOtherLayouts(_ c: GradientCase) throws {
  let inputs = try c.inputs().map { x in
    switch x.rank {
    case 4: try x.channelsLast()
    case 2: try x.transposed().contiguous().transposed()
    default: x
    }
  }
  #expect(try checkGradients(inputs, c.f) == nil)
}

/// f32 on the processor's backend against f64 on the reference, on larger shapes.
@Test(arguments: [
  GradientCase("matmul", [[33, 65], [65, 47]]) { try $0[0].matmul($0[1]) },
  .init("linear", [[64, 128], [10, 128], [10]]) { try $0[0].linear(weight: $0[1], bias: $0[2]) },
  .init("conv", [[4, 16, 12, 12], [32, 16, 3, 3], [32]]) { try $0[0].conv(weight: $0[1], bias: $0[2], padding: [1]) },
  .init("conv first layer", [[4, 1, 8, 8], [32, 1, 3, 3], [32]]) { try $0[0].conv(weight: $0[1], bias: $0[2], padding: [1]) },
  .init("conv strided", [[2, 16, 13, 13], [24, 16, 1, 1]]) { try $0[0].conv(weight: $0[1], strides: [2]) },
  .init("conv grouped", [[2, 16, 9, 9], [32, 4, 3, 3], [32]]) {
    try $0[0].conv(weight: $0[1], bias: $0[2], strides: [2], padding: [1, 0, 2, 1], groups: 4)
  },
  .init("conv depthwise", [[2, 32, 9, 9], [32, 1, 3, 3], [32]]) {
    try $0[0].conv(weight: $0[1], bias: $0[2], padding: [2], dilations: [2], groups: 32)
  },
  .init("maxPool", [[2, 16, 9, 9]]) { try $0[0].maxPool(kernel: [3], strides: [2], padding: [1]) },
  .init("maxPool 2", [[2, 3, 8, 8]]) { try $0[0].maxPool(kernel: [2]) },
  .init("maxPool ceil", [[2, 3, 9, 9]]) { try $0[0].maxPool(kernel: [2], ceil: true) },
  .init("averagePool", [[2, 16, 9, 9]]) { try $0[0].averagePool(kernel: [3], strides: [2], padding: [1]) },
  .init("averagePool with pad, ceil", [[2, 5, 10, 10]]) {
    try $0[0].averagePool(kernel: [3], strides: [2], padding: [1], ceil: true, countIncludePad: true)
  },
  .init("globalAveragePool", [[2, 16, 9, 9]]) { try $0[0].globalAveragePool() },
  .init("batchNormTraining", [[8, 16, 6, 6], [16], [16]]) { try $0[0].batchNormTraining(scale: $0[1], shift: $0[2]).y },
  .init("softmax", [[32, 100]]) { try $0[0].softmax() },
  .init("crossEntropy", [[8, 10]]) { try $0[0].crossEntropy(labels: Tensor([0, 1, 2, 3, 9, 8, 7, 6])) },
  .init("sigmoid tanh erf exp", [[65, 33]]) { try $0[0].sigmoid() + $0[0].tanh() + $0[0].erf() + $0[0].exp() },
  .init("sum of axes", [[64, 33, 7]]) { try $0[0].sum(axes: [0, 2]).square() },
])
func floatGradientEqualsDoubleReference(_ c: GradientCase) throws {
  for channelsLast in [false, true] {
    let narrow = try c.inputs().map { x in
      let y = try x.converted(to: .f32)
      return channelsLast ? try y.channelsLast() : y
    }
    let wide = try narrow.map { try $0.converted(to: .f64).contiguous() }
    func run(_ inputs: [Tensor]) throws -> (Tensor, [Tensor?]) {
      let leaves = inputs.map { $0.tracked() }
      let y = try c.f(leaves)
      let seed = try Tensor.rand(y.shape, low: 0.5, high: 1.5, seed: 9).converted(to: y.dtype)
      let gradients = try y.backward(seed: seed)
      return (y.detached(), leaves.map { gradients[$0] })
    }
    let (y, got) = try run(narrow)
    let (expected, right) = try Compute.withBackend(.reference) { try run(wide) }
    #expect(try relativeError(y, expected) < 1e-5)
    for (a, b) in zip(got, right) {
      let (a, b) = (try #require(a), try #require(b))
      #expect(a.dtype == .f32)
      #expect(try relativeError(a, b) < 1e-4)
    }
  }
}
