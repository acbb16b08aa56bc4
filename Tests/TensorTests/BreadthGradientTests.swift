import Support
import Tensor
import TestSupport
import Testing

private let shape = [2, 3, 4]
private let labels: @Sendable () throws -> Tensor = { try Tensor([2, 0, 1, 3]) }

private let elements: [GradientCase] = [
  .init("exp2", [shape]) { try $0[0].exp2() }, .init("expm1", [shape]) { try $0[0].expm1() },
  .init("log1p", [shape], -0.5, 2) { try $0[0].log1p() }, .init("log2", [shape], 0.5, 2) { try $0[0].log2() },
  .init("log10", [shape], 0.5, 2) { try $0[0].log10() }, .init("tan", [shape], -1, 1) { try $0[0].tan() },
  .init("asin", [shape], -0.9, 0.9) { try $0[0].asin() }, .init("acos", [shape], -0.9, 0.9) { try $0[0].acos() },
  .init("atan", [shape]) { try $0[0].atan() }, .init("sinh", [shape]) { try $0[0].sinh() },
  .init("cosh", [shape]) { try $0[0].cosh() }, .init("asinh", [shape]) { try $0[0].asinh() },
  .init("acosh", [shape], 1.2, 3) { try $0[0].acosh() }, .init("atanh", [shape], -0.9, 0.9) { try $0[0].atanh() },
  .init("atan2", [shape, [4]]) { try $0[0].atan2($0[1]) },
  .init("remainder", [shape, [4]], 0.8, 2) { try ($0[0] * 3).remainder($0[1]) },
  .init("fmod", [shape, [4]], 0.8, 2) { try ($0[0] * -3).fmod($0[1]) },
  .init("mod", [shape, [4]], 0.8, 2) { try ($0[0] * 3).mod($0[1]) },
  .init("floorDivide is flat", [[3], [3]], 0.8, 2) { try $0[0].floorDivide($0[1]) + $0[0].trunc() + $0[0] * $0[1] },
  .init("lerp", [shape, [4]]) { try $0[0].lerp($0[1], weight: 0.3) },
  .init("lerp tensor", [shape, [4], [3, 1]]) { try $0[0].lerp($0[1], weight: $0[2]) },
  .init("square of norm -infinity", [shape]) { try $0[0].norm(-.infinity, axes: [1]).square() },
]

private let activations: [GradientCase] = [
  .init("gelu", [shape], -4, 4) { try $0[0].gelu() }, .init("gelu tanh", [shape], -4, 4) { try $0[0].gelu(.tanh) },
  .init("silu", [shape], -4, 4) { try $0[0].silu() }, .init("mish", [shape], -4, 4) { try $0[0].mish() },
  .init("softplus", [shape], -4, 4) { try $0[0].softplus() },
  .init("softplus beta", [shape], -4, 4) { try $0[0].softplus(beta: 2, threshold: 5) },
  .init("logSigmoid", [shape], -4, 4) { try $0[0].logSigmoid() }, .init("leakyRelu", [shape]) { try $0[0].leakyRelu(0.1) },
  .init("leakyRelu steep", [shape]) { try $0[0].leakyRelu(-2) },
  .init("prelu", [[2, 3, 2], [3]]) { try $0[0].prelu($0[1]) }, .init("prelu one", [shape, [1]]) { try $0[0].prelu($0[1]) },
  .init("relu6", [shape], -2, 9) { try $0[0].relu6() }, .init("elu", [shape]) { try $0[0].elu(alpha: 0.7) },
  .init("selu", [shape]) { try $0[0].selu() }, .init("celu", [shape]) { try $0[0].celu(alpha: 0.6) },
  .init("hardSigmoid", [shape], -4, 4) { try $0[0].hardSigmoid() }, .init("hardSwish", [shape], -4, 4) { try $0[0].hardSwish() },
  .init("hardtanh", [shape]) { try $0[0].hardtanh() }, .init("softsign", [shape]) { try $0[0].softsign() },
  .init("thresholded", [shape]) { try $0[0].thresholded(0.3, value: 7) },
  .init("hardShrink", [shape]) { try $0[0].hardShrink() }, .init("softShrink", [shape]) { try $0[0].softShrink() },
  .init("glu", [[2, 4, 3]]) { try $0[0].glu(axis: 1) }, .init("softmin", [shape]) { try $0[0].softmin(axis: 1) },
]

private let reductions: [GradientCase] = [
  .init("std", [shape]) { try $0[0].std(axes: [1]) },
  .init("logSumExp", [shape]) { try $0[0].logSumExp(axes: [0, 2]).square() },
  .init("logSumExp kept", [shape]) { try $0[0].logSumExp(keepDims: true).square() },
  .init("median", [[3, 4]]) { try $0[0].median(axis: 1).values.square() },
  .init("cumprod", [[3, 4]]) { try $0[0].cumprod(axis: 1) },
  .init("cumprod with zeros", [[3, 4]]) { try ($0[0] * Tensor([1, 0, 1, 0.0])).cumprod(axis: 1) },
  .init("cumprod exclusive reverse", [[3, 4]]) { try $0[0].cumprod(axis: 0, exclusive: true, reverse: true) },
]

private let indexing: [GradientCase] = [
  .init("gather narrower", [[3, 4]]) { try $0[0].gatherElements(axis: 0, indices: Tensor([2, 0, 2, 1], shape: [2, 2])).square() },
  .init("scatter", [[3, 4], [2, 2]]) { x in
    try x[0].scatterElements(axis: 0, indices: Tensor([2, 0, 2, 1], shape: [2, 2]), values: x[1]).square()
  },
  .init("scatter add", [[3, 2], [4, 2]]) { x in
    try x[0].scatterElements(axis: 0, indices: Tensor([2, 0, 2, 1, 2, 0, 1, 0], shape: [4, 2]), values: x[1], reduction: .add).square()
  },
  .init("scatter mul", [[3, 2], [4, 2]]) { x in
    try x[0].scatterElements(axis: 0, indices: Tensor([2, 0, 2, 1, 2, 0, 1, 0], shape: [4, 2]), values: x[1], reduction: .mul).square()
  },
  .init("scatter mul with zeros", [[3, 2], [4, 2]]) { x in
    let v = try x[1] * Tensor([0, 1, 1, 0, 1, 1, 1, 1], shape: [4, 2]).converted(to: .f64)
    return try x[0].scatterElements(axis: 0, indices: Tensor([2, 0, 2, 1, 2, 0, 1, 0], shape: [4, 2]), values: v, reduction: .mul)
  },
  .init("scatter max", [[3, 2], [4, 2]]) { x in
    try x[0].scatterElements(axis: 0, indices: Tensor([2, 0, 2, 1, 2, 0, 1, 0], shape: [4, 2]), values: x[1], reduction: .max).square()
  },
  .init("scatter min", [[3, 2], [4, 2]]) { x in
    try x[0].scatterElements(axis: 0, indices: Tensor([2, 0, 2, 1, 2, 0, 1, 0], shape: [4, 2]), values: x[1], reduction: .min).square()
  },
  .init("gatherND", [[3, 2, 2]]) { try $0[0].gatherND(indices: Tensor([2, 0, 2, 0, 1, 1], shape: [3, 2])).square() },
  .init("gatherND batch", [[2, 3]]) { try $0[0].gatherND(indices: Tensor([2, 0, 1, 1], shape: [2, 2, 1]), batchAxes: 1).square() },
  .init("scatterND", [[3, 2], [3, 2]]) { try $0[0].scatterND(indices: Tensor([1, 2, 1], shape: [3, 1]), values: $0[1]).square() },
  .init("take", [[3, 2]]) { try $0[0].take(Tensor([0, 5, 0, -1], shape: [2, 2])).square() },
  .init("maskedFill", [shape]) { try $0[0].maskedFill(Tensor([true, false, false, true]), 3).square() },
  .init("maskedSelect", [shape]) { try $0[0].maskedSelect(Tensor([true, false, false, true])).square() },
  .init("embedding", [[4, 3]]) { try $0[0].embedding(Tensor([0, 3, 0, 2], shape: [2, 2])).square() },
  .init("triu tril", [[2, 3, 4]]) { try $0[0].triu(diagonal: 1) + $0[0].tril(diagonal: -1).square() },
  .init("diagonal", [[3, 2, 4]]) { try $0[0].diagonal(offset: 1, 0, 2).square() },
  .init("diagonalMatrix", [[2, 3]]) { try $0[0].diagonalMatrix(offset: -1).square() },
  .init("trace", [[2, 3, 4]]) { try $0[0].trace().square() },
]

private let structure: [GradientCase] = [
  .init("roll", [[2, 5]]) { try $0[0].rolled(2, axis: 1) * $0[0] }, .init("flip", [shape]) { try $0[0].flipped(axes: [0, 2]) * $0[0] },
  .init("repeat", [[2, 3]]) { try $0[0].repeated(2, axis: 1).square() },
  .init("chunk", [[2, 5]]) { let c = try $0[0].chunked(2, axis: 1); return try c[0].sum() * c[1] },
  .init("pad wrap", [[2, 3]]) { try $0[0].padded([3, 4, 1, 0], mode: .wrap).square() },
  .init("unfold", [[1, 2, 4, 5]]) { try $0[0].unfolded(kernel: [2, 3], strides: [2, 1], padding: [1]).square() },
  .init("depthToSpace", [[1, 4, 2, 3]]) { try $0[0].depthToSpace(block: 2).square() },
  .init("spaceToDepth", [[1, 2, 2, 4]]) { try $0[0].spaceToDepth(block: 2, order: .crd).square() },
  .init("einsum", [[2, 3], [3, 4], [4, 2]]) { try Tensor.einsum("ij,jk,kl->li", $0) },
  .init("einsum batch", [[2, 1, 3, 4], [3, 4, 2]]) { try Tensor.einsum("...ij,...jk->...ki", $0) },
  .init("einsum diagonal", [[3, 3], [3]]) { try Tensor.einsum("ii,i->i", $0).square() },
  .init("einsum one", [[3, 2, 3]]) { try Tensor.einsum("iji->j", $0).square() },
  .init("kron", [[2, 3], [2]]) { try $0[0].kron($0[1]) }, .init("outer", [[2], [3]]) { try $0[0].outer($0[1]) },
]

private let normalizations: [GradientCase] = [
  .init("layerNorm", [shape, [4], [4]]) { try $0[0].layerNorm(scale: $0[1], shift: $0[2]) },
  .init("layerNorm two axes", [shape, [3, 4]]) { try $0[0].layerNorm(axis: 1, scale: $0[1]) },
  .init("layerNorm shift alone", [shape, [3, 4]]) { try $0[0].layerNorm(axis: -2, shift: $0[1]) },
  .init("rmsNorm", [shape, [4]]) { try $0[0].rmsNorm(scale: $0[1]) },
  .init("groupNorm", [[2, 4, 3], [4], [4]]) { try $0[0].groupNorm(groups: 2, scale: $0[1], shift: $0[2]) },
  .init("instanceNorm", [[2, 3, 2, 2], [3], [3]]) { try $0[0].instanceNorm(scale: $0[1], shift: $0[2]) },
  .init("localResponseNorm", [[2, 5, 2]]) { try $0[0].localResponseNorm(size: 4, alpha: 0.5) },
]

private let losses: [GradientCase] = [
  .init("mse", [[3, 4], [3, 4]]) { try $0[0].mseLoss($0[1]) }, .init("l1", [[3, 4], [3, 4]]) { try $0[0].l1Loss($0[1], reduction: .none) },
  .init("huber", [[3, 4], [3, 4]]) { try $0[0].huberLoss($0[1], delta: 0.8) },
  .init("smoothL1", [[3, 4], [3, 4]]) { try $0[0].smoothL1Loss($0[1], beta: 0.8, reduction: .sum) },
  .init("bce", [[3, 4], [3, 4]], 0.1, 0.9) { try ($0[0] * 8 - 4).binaryCrossEntropyWithLogits($0[1], positiveWeight: Tensor([1, 2, 3, 4.0])) },
  .init("kl", [[3, 4], [3, 4]], 0.1, 0.9) { try $0[0].logSoftmax().klDivergence($0[1]) },
  .init("kl log", [[3, 4], [3, 4]]) { try $0[0].logSoftmax().klDivergence($0[1].logSoftmax(), logTarget: true) },
  .init("nll", [[4, 4]]) { try $0[0].nllLoss(labels: labels(), weight: Tensor([1, 2, 0.5, 3]), ignoreIndex: 0) },
  .init("crossEntropy weights", [[4, 4]]) {
    try $0[0].crossEntropy(labels: labels(), weight: Tensor([1, 2, 0.5, 3]), ignoreIndex: 0, smoothing: 0.1)
  },
  .init("nll, its weights", [[4, 4], [4]], 0.1, 0.9) { try $0[0].nllLoss(labels: labels(), weight: $0[1], ignoreIndex: 0) },
  .init("crossEntropy, its weights", [[4, 4], [4]], 0.1, 0.9) {
    try $0[0].crossEntropy(labels: labels(), weight: $0[1], ignoreIndex: 0, smoothing: 0.1)
  },
  .init("crossEntropy soft, its weights", [[3, 4], [3, 4], [4]], 0.1, 0.9) { try $0[0].crossEntropy(target: $0[1], weight: $0[2]) },
  .init("crossEntropy images", [[2, 3, 2]]) { try $0[0].crossEntropy(labels: Tensor([2, 0, 1, 1], shape: [2, 2]), weight: nil, reduction: .none) },
  .init("crossEntropy soft", [[3, 4], [3, 4]], 0.1, 0.9) { try $0[0].crossEntropy(target: $0[1], weight: Tensor([1, 2, 0.5, 3]), smoothing: 0.1) },
  .init("cosineSimilarity", [[3, 4], [1, 4]]) { try Tensor.cosineSimilarity($0[0], $0[1]) },
]

@Test(arguments: elements + activations + reductions + indexing + structure + normalizations + losses)
func breadthGradientEqualsCentralDifferences(_ c: GradientCase) throws {
  let inputs = try c.inputs()
  #expect(try checkGradients(inputs, c.f) == nil)
  let strided = try inputs.map { $0.rank == 2 ? try $0.transposed().contiguous().transposed() : $0 }
  #expect(try checkGradients(strided, c.f) == nil)
}

// MARK: Second derivatives

/// Operations whose gradients cannot be differentiated again, which must say so.
private let once = ["scatter mul", "scatter mul with zeros", "cumprod", "cumprod with zeros", "cumprod exclusive reverse"]

/// Each gradient, itself a function of the inputs, against central differences.
@Test(arguments: elements + activations + reductions + indexing + structure + normalizations + losses)
func secondDerivativeEqualsCentralDifferences(_ c: GradientCase) throws {
  let inputs = try c.inputs()
  func gradient(_ inputs: [Tensor]) throws -> Tensor {
    let y = try c.f(inputs)
    let weight = try Tensor.rand(y.shape, low: 0.5, high: 1.5, seed: 3, dtype: .f64)
    let leaves = inputs.map { $0.isTracked ? $0 : $0.tracked() }
    let gradients = try (inputs[0].isTracked ? y : c.f(leaves)).backward(seed: weight, createGraph: true)
    let parts = try leaves.map { leaf in
      let g = try gradients[leaf] ?? Tensor.zeros(leaf.shape, .f64)
      // A term of second order in everything, so that functions without curvature have a tracked result too.
      return try (g * leaf + leaf.square()).reshaped(Shape([leaf.count]))
    }
    return try Tensor.concat(parts, axis: 0)
  }
  if once.contains(c.testDescription) {
    #expect(failure { try gradient(inputs.map { $0.tracked() }) }?.code == .unsupported)
  } else {
    #expect(try checkGradients(inputs, tolerance: 1e-5, gradient) == nil)
  }
}

@Suite struct SecondDerivativeTests {
  private func perceptron(_ x: Tensor, _ labels: Tensor) -> @Sendable ([Tensor]) throws -> Tensor {
    { w in try x.matmul(w[0]).tanh().matmul(w[1]).crossEntropy(labels: labels) }
  }

  @Test func hessianVectorProductsOfAQuadratic() throws {
    let a = try Tensor.randn([5, 5], seed: 1, dtype: .f64), x = try Tensor.randn([5], seed: 2, dtype: .f64)
    let v = try Tensor.randn([5], seed: 3, dtype: .f64)
    let expected = try (a + a.transposed()).matmul(v)
    let f: (Tensor) throws -> Tensor = { try $0.dot(a.matmul($0)) }
    #expect(try difference(Tensor.hessianVectorProduct(of: f, at: x, v), expected, absolute: 1e-12) == nil)
    #expect(try difference(Tensor.hessianVectorProduct(of: f, at: x, v, method: .differences), expected, absolute: 1e-8) == nil)
    // Also where nothing is recorded.
    let quiet = try Tensor.withoutGradient { try Tensor.hessianVectorProduct(of: f, at: x, v) }
    #expect(try quiet.isEqual(to: Tensor.hessianVectorProduct(of: f, at: x, v)))
    #expect(!quiet.isTracked)
  }

  @Test func bothMethodsAgreeOnANetwork() throws {
    for (dtype, close) in [(DType.f64, 1e-7), (.f32, 1e-2)] {
      let x = try Tensor.randn([6, 4], seed: 1, dtype: dtype)
      let w = try [Tensor.randn([4, 5], seed: 2, dtype: dtype), Tensor.randn([5, 3], seed: 3, dtype: dtype)]
      let v = try [Tensor.randn([4, 5], seed: 4, dtype: dtype), Tensor.randn([5, 3], seed: 5, dtype: dtype)]
      let f = perceptron(x, try Tensor([0, 1, 2, 2, 1, 0]))
      let exact = try Tensor.hessianVectorProduct(of: f, at: w, v)
      let near = try Tensor.hessianVectorProduct(of: f, at: w, v, method: .differences)
      for (a, b) in zip(exact, near) { #expect(try relativeError(b, a) < close, "\(dtype)") }
    }
  }

  @Test func functionsWithoutCurvatureAndWrongArguments() throws {
    let x = try Tensor([1, 2, 3.0]), v = try Tensor([1, 1, 1.0])
    #expect(try Tensor.hessianVectorProduct(of: { try ($0 * 3).sum() }, at: x, v).scalars() == [0, 0, 0])
    #expect(try Tensor.hessianVectorProduct(of: { try $0.square().sum() }, at: x, v * 0, method: .differences).scalars() == [0, 0, 0])
    #expect(failure { try Tensor.hessianVectorProduct(of: { try $0.square() }, at: x, v) }?.code == .shape)
    #expect(failure { try Tensor.hessianVectorProduct(of: { try $0.sum() }, at: x, Tensor([1.0])) }?.code == .shape)
    #expect(failure { try Tensor.hessianVectorProduct(of: { try $0.sum() }, at: x, v.converted(to: .f32)) }?.code == .dtype)
    #expect(failure { try Tensor.hessianVectorProduct(of: { try $0[0].sum() }, at: [x], []) }?.code == .argument)
    let refused = failure { try Tensor.hessianVectorProduct(of: { try $0.cumprod(axis: 0).sum() }, at: x, v) }
    #expect(refused?.code == .unsupported)
    #expect(refused?.op == "cumprod")
  }

  @Test func thirdDerivatives() throws {
    let x = try Tensor([0.7]).tracked()
    let first = try #require(try (x * x * x * x).sum().backward(createGraph: true)[x])
    let second = try #require(try first.sum().backward(createGraph: true)[x])
    let third = try #require(try second.sum().backward()[x])
    #expect(try (second.item() - 12 * 0.49).magnitude < 1e-12)
    #expect(try (third.item() - 24 * 0.7).magnitude < 1e-12)
    #expect(!third.isTracked)
  }
}

@Suite(.serialized) struct CheckpointTests {
  private static let weights = try! (0..<8).map { try Tensor.randn([256, 256], seed: UInt64($0)) / 16 }

  /// Eight layers in four checkpointed pairs, with dropout, or the same without.
  private func gradients(checkpointed: Bool) throws -> (values: [[Double]], peak: Int) {
    Compute.resetPeakMemory()
    let before = Compute.memory().current
    let x = try Tensor.randn([1024, 256], seed: 100).tracked()
    let leaves = CheckpointTests.weights.map { $0.tracked() }
    var y = x
    for pair in 0..<4 {
      let body: @Sendable ([Tensor]) throws -> Tensor = { inputs in
        var y = inputs[0]
        for k in 1...2 {
          y = try y.matmul(inputs[k]).gelu()
          y = try y.dropout(mask: Tensor.rand(y.shape, seed: 7, stream: UInt64(2 * pair + k)).lt(0.9), keep: 0.9)
        }
        return y
      }
      let inputs = [y, leaves[2 * pair], leaves[2 * pair + 1]]
      y = checkpointed ? try Tensor.checkpoint(inputs, body: body) : try body(inputs)
    }
    let gradients = try y.square().mean().backward()
    let peak = Compute.memory().peak - before
    return (try ([x] + leaves).map { try #require(try gradients[$0]?.scalars()) }, peak)
  }

  @Test func gradientsKeepTheirBitsAndThePeakFalls() throws {
    let plain = try gradients(checkpointed: false), saved = try gradients(checkpointed: true)
    #expect(plain.values == saved.values)
    #expect(saved.peak < plain.peak * 2 / 3, "\(saved.peak) of \(plain.peak) bytes")
  }

  @Test func aHistoryThatIsNotRetainedIsFreedOnTheWay() throws {
    func run(retain: Bool) throws -> (bits: [[Double]], peak: Int) {
      let leaves = CheckpointTests.weights.map { $0.tracked() }
      let before = Compute.memory().current
      // The gradients' own memory counts, but not that of what the forward pass kept.
      var y = try Tensor.randn([2048, 256], seed: 100)
      for leaf in leaves { y = try y.matmul(leaf).gelu() }
      let loss = try y.square().mean()
      y = loss.detached()
      let kept = Compute.memory().current - before
      let all = try loss.backward(retainGraph: retain)
      let left = Compute.memory().current - before
      #expect(retain ? left > kept : left < kept / 2, "\(left) of \(kept)")
      if !retain {
        let again = failure { try loss.backward() }
        #expect(again?.code == .argument && again?.message.contains("did not retain") == true)
      }
      return (try leaves.map { try #require(try all[$0]?.scalars()) }, left)
    }
    #expect(try run(retain: true).bits == run(retain: false).bits)
  }

  @Test func whatIsNotAnInputIsAnError() throws {
    let x = try Tensor([1, 2.0]).tracked(), w = try Tensor([3, 4.0]).tracked()
    let y = try Tensor.checkpoint(x) { try $0[0] * w }
    #expect(failure { try y.sum().backward() }?.code == .argument)
    let good = try Tensor.checkpoint(x, w) { try $0[0] * $0[1] }
    #expect(try good.sum().backward()[w]?.scalars() == [1, 2])
    #expect(failure { try good.sum().backward(createGraph: true) }?.code == .unsupported)
    // Untracked inputs are recorded as nothing.
    #expect(try !Tensor.checkpoint(x.detached()) { try $0[0].exp() }.isTracked)
    let unused = try Tensor.checkpoint(x, w) { try $0[0] * 2 }
    let gradients = try unused.sum().backward()
    #expect(gradients[w] == nil)
    #expect(try gradients[x]?.scalars() == [2, 2])
  }
}
