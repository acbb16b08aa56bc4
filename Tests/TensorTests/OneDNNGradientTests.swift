import CKernels
import Support
import Tensor
import TestSupport
import Testing

/// f32 layers on oneDNN against the plain f64 reference: results and all gradients within 1e-4 of the largest element.
@Suite struct OneDNNGradientTests {
  struct Convolution: CustomTestStringConvertible, Sendable {
    var input: [Int]
    var weight: [Int]
    var strides = [1, 1]
    var padding = [0, 0, 0, 0]
    var dilations = [1, 1]
    var groups = 1
    var bias = true
    var testDescription: String {
      "\(input) * \(weight), strides \(strides), padding \(padding), dilations \(dilations), groups \(groups), bias \(bias)"
    }
  }

  static let convolutions = [
    Convolution(input: [2, 1, 28, 28], weight: [6, 1, 5, 5], padding: [2, 2, 2, 2]),
    Convolution(input: [2, 6, 14, 14], weight: [16, 6, 5, 5]),
    Convolution(input: [2, 3, 32, 32], weight: [16, 3, 3, 3], padding: [1, 1, 1, 1], bias: false),
    Convolution(input: [3, 16, 9, 7], weight: [32, 16, 3, 3], strides: [2, 2], padding: [1, 1, 1, 1], bias: false),
    Convolution(input: [2, 16, 8, 8], weight: [32, 16, 1, 1], strides: [2, 2]),
    Convolution(input: [1, 5, 11, 13], weight: [7, 5, 3, 2], strides: [2, 1], padding: [0, 1, 2, 0]),
    Convolution(input: [2, 4, 15, 15], weight: [8, 4, 3, 3], padding: [2, 2, 2, 2], dilations: [2, 2]),
    Convolution(input: [2, 8, 10, 10], weight: [12, 2, 3, 3], padding: [1, 1, 1, 1], groups: 4),
    Convolution(input: [2, 16, 10, 10], weight: [16, 1, 3, 3], padding: [1, 1, 1, 1], groups: 16),
    Convolution(input: [1, 3, 5, 5], weight: [3, 1, 2, 2], strides: [2, 2], groups: 3, bias: false),
    Convolution(input: [5, 32, 1, 1], weight: [10, 32, 1, 1]),
    // Large enough for Winograd's form.
    Convolution(input: [4, 32, 17, 16], weight: [48, 32, 3, 3], padding: [1, 1, 1, 1]),
    Convolution(input: [2, 64, 32, 30], weight: [32, 64, 3, 3], padding: [0, 1, 1, 0], bias: false),
  ]

  @Test(arguments: convolutions, [1, 2])
  func convolution(_ c: Convolution, threads: Int) throws {
    let inputs = try [
      Tensor.randn(Shape(c.input), seed: 1, dtype: .f64), Tensor.randn(Shape(c.weight), seed: 2, dtype: .f64),
      Tensor.randn(Shape([c.weight[0]]), seed: 3, dtype: .f64),
    ]
    try compare(c.bias ? inputs : Array(inputs.prefix(2)), threads: threads) { x in
      try x[0].conv(
        weight: x[1], bias: c.bias ? x[2] : nil, strides: c.strides, padding: c.padding, dilations: c.dilations,
        groups: c.groups)
    }
  }

  /// The values stay away from 0, where the slope of relu jumps.
  @Test func convolutionThenRelu() throws {
    for sizes in [[2, 6, 9, 9], [4, 32, 17, 16]] {
      let inputs = try [
        Tensor.randn(Shape(sizes), seed: 1, dtype: .f64), Tensor.randn([32, sizes[1], 3, 3], seed: 2, dtype: .f64),
        Tensor.randn([32], seed: 3, dtype: .f64) * 40,
      ]
      try compare(inputs, threads: 2) { try $0[0].conv(weight: $0[1], bias: $0[2], padding: [1], relu: true) }
    }
  }

  struct Pool: Sendable {
    var input: [Int]
    var kernel: [Int]
    var strides: [Int]
    var padding = [0, 0, 0, 0]
    var ceil = false
  }

  static let pools = [
    Pool(input: [2, 6, 28, 28], kernel: [2, 2], strides: [2, 2]),
    Pool(input: [2, 16, 9, 11], kernel: [3, 3], strides: [2, 2], padding: [1, 1, 1, 1]),
    Pool(input: [1, 3, 7, 8], kernel: [3, 2], strides: [2, 1], padding: [1, 0, 0, 1]),
    Pool(input: [2, 5, 7, 7], kernel: [2, 2], strides: [2, 2], ceil: true),
    Pool(input: [3, 64, 8, 8], kernel: [8, 8], strides: [1, 1]),
  ]

  @Test(arguments: pools)
  func maxPool(_ p: Pool) throws {
    try compare([Tensor.randn(Shape(p.input), seed: 4, dtype: .f64)], threads: 2) {
      try $0[0].maxPool(kernel: p.kernel, strides: p.strides, padding: p.padding, ceil: p.ceil)
    }
  }

  @Test(arguments: pools, [true, false])
  func averagePool(_ p: Pool, countIncludePad: Bool) throws {
    try compare([Tensor.randn(Shape(p.input), seed: 5, dtype: .f64)], threads: 2) {
      try $0[0].averagePool(
        kernel: p.kernel, strides: p.strides, padding: p.padding, ceil: p.ceil, countIncludePad: countIncludePad)
    }
  }

  @Test(arguments: [[4, 16, 8, 8], [3, 5, 7, 6], [8, 1, 4, 4], [16, 12], [2, 32, 1, 1]])
  func batchNormalization(_ sizes: [Int]) throws {
    let channels = try Shape([sizes[1]])
    let inputs = try [
      Tensor.randn(Shape(sizes), seed: 6, dtype: .f64), Tensor.randn(channels, seed: 7, dtype: .f64),
      Tensor.randn(channels, seed: 8, dtype: .f64),
    ]
    try compare(inputs, threads: 2) { try $0[0].batchNormTraining(scale: $0[1], shift: $0[2]).y }
  }

  /// What lies at the edge of relu would differ between f32 and f64: scale and shift keep values away from it.
  @Test(arguments: [[4, 16, 8, 8], [3, 5, 7, 6], [16, 12], [2, 130, 3, 3]], [true, false])
  func batchNormalizationWithEpilogue(_ sizes: [Int], residual: Bool) throws {
    let channels = try Shape([sizes[1]])
    let signs = try Tensor.randn(channels, seed: 8, dtype: .f64).sign() * 30
    let inputs = try [
      Tensor.randn(Shape(sizes), seed: 6, dtype: .f64), Tensor.randn(channels, seed: 7, dtype: .f64), signs,
      Tensor.randn(Shape(sizes), seed: 9, dtype: .f64),
    ]
    try compare(residual ? inputs : Array(inputs.prefix(3)), threads: 2) { x in
      try x[0].batchNormTraining(scale: x[1], shift: x[2], residual: residual ? x[3] : nil, rectifier: .relu).y
    }
    if residual {
      try compare(inputs, threads: 1) { try $0[0].batchNormTraining(scale: $0[1], shift: $0[2], residual: $0[3]).y }
    }
  }

  /// Half of the channels lie within the bounds, the others far below or above.
  @Test(arguments: [[4, 16, 8, 8], [3, 5, 7, 6], [16, 12], [2, 130, 3, 3]])
  func batchNormalizationWithClip(_ sizes: [Int]) throws {
    let channels = try Shape([sizes[1]])
    let shift = try Tensor((0..<sizes[1]).map { [50.0, -50, 3, 3][$0 % 4] }, shape: channels)
    let inputs = try [
      Tensor.randn(Shape(sizes), seed: 6, dtype: .f64), Tensor.randn(channels, seed: 7, dtype: .f64).sign() * 0.25, shift,
    ]
    try compare(inputs, threads: 2) {
      try $0[0].batchNormTraining(scale: $0[1], shift: $0[2], rectifier: .clip(0...6)).y
    }
    // The same in steps, and with a residual before the bounds.
    let x = try inputs.map { try $0.converted(to: .f32).tracked() }
    let fused = try x[0].batchNormTraining(scale: x[1], shift: x[2], rectifier: .clip(0...6)).y
    let steps = try x[0].batchNormTraining(scale: x[1], shift: x[2]).y.clip(min: 0, max: 6)
    #expect(try fused.isEqual(to: steps))
    let (a, b) = (try fused.square().sum().backward(), try steps.square().sum().backward())
    for leaf in x { #expect(try difference(#require(a[leaf]), #require(b[leaf]), absolute: 1e-4) == nil) }
    let added = try x[0].batchNormTraining(scale: x[1], shift: x[2], residual: x[0], rectifier: .clip(0...6)).y
    let whole = try (x[0].batchNormTraining(scale: x[1], shift: x[2]).y + x[0]).clip(min: 0, max: 6)
    #expect(try difference(added, whole, absolute: 1e-5) == nil)
    let (c, d) = (try added.sum().backward(), try whole.sum().backward())
    for leaf in x { #expect(try difference(#require(c[leaf]), #require(d[leaf]), absolute: 1e-3) == nil) }
  }

  @Test func epiloguesAreTheirComposition() throws {
    let x = try Tensor.randn([2, 5, 4, 3], seed: 1), residual = try Tensor.randn([2, 5, 4, 3], seed: 2)
    let (a, b) = (try Tensor.randn([5], seed: 3), try Tensor.rand([5], low: 0.5, high: 2, seed: 4))
    let plain = try x.batchNorm(scale: a, shift: a, mean: a, variance: b)
    let fused = try x.batchNorm(scale: a, shift: a, mean: a, variance: b, residual: residual, rectifier: .relu)
    #expect(try difference(fused, (plain + residual).relu(), absolute: 1e-6) == nil)
    let clipped = try x.batchNorm(scale: a, shift: a, mean: a, variance: b, rectifier: .clip(-0.5...0.5))
    #expect(try difference(clipped, plain.clip(min: -0.5, max: 0.5), absolute: 1e-6) == nil)
    let weight = try Tensor.randn([7, 3], seed: 5)
    #expect(try difference(x.linear(weight: weight, relu: true), x.linear(weight: weight).relu()) == nil)
    #expect(failure { try x.batchNormTraining(scale: a, shift: b, residual: a) }?.argument == "residual")
  }

  /// Kernels of every instruction set give the same up to rounding.
  @Test func batchNormalizationOnEveryInstructionSet() throws {
    defer { pare_limit_isa(PARE_ISA_AVX512) }
    let x = try Tensor.randn([3, 37, 5, 4], seed: 1), (a, b) = (try Tensor.randn([37], seed: 3), try Tensor.randn([37], seed: 4))
    var results: [Tensor] = []
    for isa in [PARE_ISA_AVX512, PARE_ISA_AVX2, PARE_ISA_PORTABLE] {
      pare_limit_isa(isa)
      let leaf = x.tracked()
      let y = try leaf.batchNormTraining(scale: a, shift: b, rectifier: .relu).y
      let gradient = try #require(try y.square().sum().backward()[leaf])
      results.append(try Tensor.stack([y.detached(), gradient]))
    }
    #expect(try difference(results[1], results[0], absolute: 1e-4) == nil)
    #expect(try difference(results[2], results[0], absolute: 1e-4) == nil)
  }

  @Test func statisticsOfABatch() throws {
    let x = try Tensor.randn([4, 16, 5, 5], seed: 9, dtype: .f64) * 3 + 1
    let scale = try Tensor.ones([16], .f64), shift = try Tensor.zeros([16], .f64)
    let expected = try Compute.withBackend(.reference) { try x.batchNormTraining(scale: scale, shift: shift) }
    let got = try x.converted(to: .f32).batchNormTraining(
      scale: scale.converted(to: .f32), shift: shift.converted(to: .f32))
    try expectClose(got.mean, expected.mean, "mean")
    try expectClose(got.variance, expected.variance, "variance")
  }

  @Test func fastKernelsAreInUse() {
    #expect(Compute.backend.supports(.batchNorm, .f32))
    #expect(!Compute.backend.supports(.batchNorm, .f64))
  }

  /// A batch whose transforms would take much memory goes through in parts: each image as in a smaller batch.
  @Test func largeBatchesGoInParts() throws {
    let x = try Tensor.randn([24, 64, 48, 48], seed: 1), w = try Tensor.randn([64, 64, 3, 3], seed: 2) / 24
    let bias = try Tensor.randn([64], seed: 3), seed = try Tensor.randn([24, 64, 48, 48], seed: 4)
    func run(_ start: Int, _ length: Int) throws -> [Tensor] {
      let a = try x.narrowed(axis: 0, start: start, length: length).contiguous().tracked(), (b, c) = (w.tracked(), bias.tracked())
      let y = try a.conv(weight: b, bias: c, padding: [1])
      let all = try y.backward(seed: seed.narrowed(axis: 0, start: start, length: length).contiguous())
      return try [y.detached()] + [a, b, c].map { try #require(all[$0]) }
    }
    Compute.resetPeakMemory()
    let before = Compute.memory().current
    let whole = try run(0, 24)
    let activations = x.count * 4
    #expect(Compute.memory().peak - before < 5 * activations + 80 << 20)
    let parts = try [run(0, 12), run(12, 12)]
    for i in 0...1 {
      #expect(try difference(whole[i], Tensor.concat([parts[0][i], parts[1][i]], axis: 0)) == nil, "\(i)")
    }
    for i in 2...3 { try expectClose(whole[i], (parts[0][i] + parts[1][i]).converted(to: .f64), "gradient \(i)") }
  }

  @Test func sameBitsTwice() throws {
    let x = try Tensor.randn([4, 16, 12, 12], seed: 10), w = try Tensor.randn([24, 16, 3, 3], seed: 11)
    func gradients() throws -> [[Float]] {
      let (a, b) = (x.tracked(), w.tracked())
      let y = try a.conv(weight: b, padding: [1])
      let all = try y.square().sum().backward()
      return try [y, #require(all[a]), #require(all[b])].map { try $0.values(as: Float.self) }
    }
    #expect(try gradients() == gradients())
  }

  /// Runs `body` in f64 on the reference and in f32 on the fast backend and compares result and gradients, seeded with
  /// the same random numbers.
  private func compare(_ inputs: [Tensor], threads: Int, _ body: ([Tensor]) throws -> Tensor) throws {
    func run(_ inputs: [Tensor]) throws -> [Tensor] {
      let leaves = inputs.map { $0.tracked() }
      let y = try body(leaves)
      let seed = try Tensor.randn(y.shape, seed: 99, dtype: y.dtype)
      let gradients = try y.backward(seed: seed)
      return try [y.detached()] + leaves.map { try #require(gradients[$0]) }
    }
    let expected = try Compute.withBackend(.reference) { try run(inputs) }
    let before = Compute.threads
    Compute.threads = threads
    defer { Compute.threads = before }
    let got = try run(inputs.map { try $0.converted(to: .f32) })
    for (index, (a, b)) in zip(got, expected).enumerated() {
      try expectClose(a, b, index == 0 ? "result" : "gradient of input \(index - 1)")
    }
  }

  private func expectClose(_ got: Tensor, _ expected: Tensor, _ what: String) throws {
    let problem = try difference(got.converted(to: .f64), expected, relative: 1e-4)
    #expect(problem == nil, "\(what): \(problem ?? "")")
  }
}
