import Support
import Tensor
import TestSupport
import Testing

private func t(_ values: [Double], _ shape: Shape? = nil, _ dtype: DType = .f32) throws -> Tensor {
  try Tensor(values, shape: shape ?? Shape([values.count])).converted(to: dtype)
}

/// What values alone do not show: tails, dtypes, nothing at all, errors. Values are in GoldenOperationTests, derivatives
/// in BreadthGradientTests.
@Suite struct BreadthTests {
  /// Relative to the value itself, where a composition would round it away or overflow.
  @Test func tailsKeepTheirDigits() throws {
    let x = try t([-30, -12, -5, 1e-6, 30, 85])
    let wide = try x.converted(to: .f64)
    let functions: [@Sendable (Tensor) throws -> Tensor] = [
      { try $0.softplus() }, { try $0.mish() }, { try $0.silu() }, { try $0.logSigmoid() }, { try $0.expm1() },
    ]
    for f in functions {
      #expect(try difference(f(x), f(wide), relative: 1e-6, checkingDType: false) == nil)
      let (a, b) = (x.tracked(), wide.tracked())
      let (ga, gb) = (try f(a).sum().backward()[a], try f(b).sum().backward()[b])
      #expect(try difference(#require(ga), #require(gb), absolute: 1e-12, relative: 2e-6, checkingDType: false) == nil)
    }
    #expect(try difference(t([-10], nil, .f64).gelu(), t([-7.61985302416e-23], nil, .f64), relative: 1e-9) == nil)
    let extreme = try t([-.infinity, -1e30, 1e30]).tracked()
    for f in [{ try $0.gelu() }, { try $0.gelu(.tanh) }, { try $0.silu() }, { try $0.mish() }] as [(Tensor) throws -> Tensor] {
      #expect(try f(extreme).scalars().suffix(2) == [0, Double(Float(1e30))])
      #expect(try f(extreme).sum().backward()[extreme]?.scalars().suffix(2) == [0, 1])
    }
    #expect(try t([1000, 1000]).logSumExp().item().rounded() == 1001)
    let none = try t([-.infinity, -.infinity]).tracked()
    #expect(try none.logSumExp().backward()[none]?.scalars() == [0, 0])
    #expect(try Tensor.zeros([0, 2]).logSumExp(axes: [0]).scalars() == [-.infinity, -.infinity])
    for (x, unbiased) in try [(t([5]), true), (Tensor.zeros([0]), true), (Tensor.zeros([0]), false)] {
      #expect(try x.variance(unbiased: unbiased).item().isNaN && x.std(unbiased: unbiased).item().isNaN)
    }
  }

  @Test func halvesAndIntegers() throws {
    for dtype in [DType.f16, .bf16] {
      let x = try t([-1, 0.5, 2, 3], [2, 2], dtype)
      let results = try [
        x.gelu(), x.mish(), x.layerNorm(), x.rmsNorm(), x.cumprod(axis: 0), x.logSumExp(), x.std(), x.log1p(), x.tril(), x.rolled(1, axis: 0),
        x.scatterElements(axis: 0, indices: Tensor([0, 0], shape: [2, 1]), values: x.narrowed(axis: 1, start: 0, length: 1), reduction: .mul),
        Tensor.einsum("ij,jk", x, x), x.mseLoss(x), x.crossEntropy(labels: Tensor([0, 1]), weight: nil),
      ]
      for (i, y) in results.enumerated() { #expect(y.dtype == dtype, "\(i)") }
      let leaf = x.tracked()
      let y = try leaf.layerNorm().gelu().cumprod(axis: 1).scatterElements(
        axis: 0, indices: Tensor([1, 1], shape: [1, 2]), values: leaf.narrowed(axis: 0, start: 0, length: 1), reduction: .mul)
      #expect(try y.sum().backward()[leaf]?.dtype == dtype)
    }
    let i8 = try t([100, -7, 3], nil, .i8)
    #expect(try i8.bitNot().scalars() == [-101, 6, -4])
    #expect(try i8.shiftedLeft(1).scalars() == [-56, -14, 6])
    #expect(try i8.shiftedRight(1).scalars() == [50, -4, 1])
    #expect(try i8.shiftedLeft(40).scalars() == [0, 0, 0])
    #expect(try i8.floorDivide(2).scalars() == [50, -4, 1])
    #expect(try i8.remainder(-4).scalars() == [0, -3, -1])
    #expect(try i8.fmod(4).scalars() == [0, -3, 3])
    #expect(try i8.scatterElements(axis: 0, indices: Tensor([0, 0]), values: t([100, 100], nil, .i8), reduction: .add).scalars() == [44, -7, 3])
    #expect(try Tensor.einsum("i,i", i8, i8).scalars() == [Double(Int8(truncatingIfNeeded: 10058))])
    #expect(try Tensor([Int64.min]).floorDivide(Tensor([Int64(-1)])).values(as: Int64.self) == [.min])
    #expect(try t([5, 0, -5], nil, .f64).floorDivide(0).scalars()[0] == .infinity)
    #expect(try t([-3, 0, 3]).floorDivide(.infinity).scalars() == [-1, 0, 0])
    #expect(try t([1, 0], nil, .bool).bitNot().scalars() == [0, 1])
    #expect(failure { try i8.exp2() }?.code == .dtype)
    #expect(failure { try i8.bincount() }?.code == .argument)
    #expect(failure { try t([1.5]).bitNot() }?.code == .dtype)
    #expect(failure { try t([1.5]).shiftedLeft(1) }?.code == .dtype)
    #expect(failure { try i8.remainder(0) }?.code == .argument)
    #expect(failure { try i8.remainder(0.5) }?.code == .dtype)
    #expect(failure { try i8.atan2(i8) }?.code == .dtype)
  }

  @Test func nothingAtAll() throws {
    let x = try Tensor.zeros([0, 4])
    #expect(try x.gelu().shape == [0, 4])
    #expect(try x.layerNorm().shape == [0, 4])
    #expect(try x.cumprod(axis: 0).shape == [0, 4])
    #expect(try x.gatherElements(axis: 0, indices: Tensor.zeros([0, 4], .i64)).shape == [0, 4])
    #expect(try x.scatterElements(axis: 1, indices: Tensor.zeros([0, 2], .i64), values: Tensor.zeros([0, 2]), reduction: .max).shape == [0, 4])
    #expect(try x.diagonal().shape == [0])
    #expect(try x.rolled(3, axis: 0).shape == [0, 4])
    #expect(try Tensor.einsum("ij,kj->ik", x, Tensor.ones([3, 4])).shape == [0, 3])
    #expect(try Tensor.einsum("ij,ij->j", x, x).scalars() == [0, 0, 0, 0])
    #expect(try x.uniqueWithInverse().values.count == 0)
    #expect(try Tensor.zeros([0], .i64).bincount(minimum: 2).scalars() == [0, 0])
    #expect(try x.maskedSelect(Tensor([true])).shape == [0])
    #expect(try x.chunked(3, axis: 0).map { $0.shape } == [[0, 4]])
    #expect(try Tensor.linspace(1, 2, count: 0).shape == [0])
    #expect(try Tensor.eye(0).shape == [0, 0])
    #expect(try Tensor.meshgrid([]).count == 0)
    #expect(try x.depthToSpaceOfNothing() == [0, 1, 4, 6])
    let leaf = x.tracked()
    #expect(try leaf.layerNorm(scale: Tensor.ones([4])).sum().backward()[leaf]?.shape == [0, 4])
    #expect(try leaf.gelu().logSumExp(axes: [1]).sum().backward()[leaf]?.shape == [0, 4])
    #expect(failure { try x.median() }?.code == .shape)
    #expect(failure { try x.lastArgmax(axis: 0) }?.code == .shape)
    // Without axes.
    let one = try Tensor.scalar(2)
    #expect(try one.gelu().shape == [])
    #expect(try one.norm(3).item().rounded() == 2)
    #expect(try one.median().item() == 2)
    #expect(try Tensor.einsum(",i->i", one, t([1, 2])).scalars() == [2, 4])
    #expect(try one.take(Tensor([0, 0])).scalars() == [2, 2])
    #expect(failure { try one.layerNorm() }?.code == .argument)
    #expect(failure { try one.triu() }?.code == .shape)
  }

  @Test func positionsOutsideAreErrorsThatNameThem() throws {
    let x = try Tensor.arange(count: 12).reshaped([3, 4])
    let at = try Tensor([0, 3], shape: [1, 2])
    let error = failure { try x.gatherElements(axis: 0, indices: at) }
    #expect(error?.code == .argument)
    #expect(error?.description.contains("index 3 at position 1") == true)
    #expect(failure { try x.gatherElements(axis: 0, indices: Tensor.zeros([1, 5], .i64)) }?.code == .shape)
    #expect(failure { try x.gatherElements(axis: 0, indices: Tensor.zeros([2], .i64)) }?.code == .shape)
    #expect(failure { try x.gatherElements(axis: 2, indices: at) }?.code == .argument)
    #expect(failure { try x.scatterElements(axis: 1, indices: at, values: Tensor.zeros([1, 3])) }?.code == .shape)
    #expect(failure { try x.scatterElements(axis: 1, indices: at, values: Tensor.zeros([1, 2], .f64)) }?.code == .dtype)
    #expect(failure { try x.gt(1).scatterElements(axis: 1, indices: at, values: Tensor.zeros([1, 2], .bool), reduction: .add) }?.code == .dtype)
    #expect(failure { try x.gatherND(indices: Tensor([3], shape: [1, 1])) }?.code == .argument)
    #expect(failure { try x.gatherND(indices: Tensor([Int64.min], shape: [1, 1])) }?.code == .argument)
    #expect(failure { try x.gatherND(indices: Tensor.zeros([1, 3], .i64)) }?.code == .shape)
    #expect(failure { try x.gatherND(indices: Tensor.zeros([], .i64)) }?.code == .shape)
    #expect(failure { try x.gatherND(indices: Tensor.zeros([2, 1], .i64), batchAxes: 1) }?.code == .shape)
    #expect(failure { try x.gatherND(indices: Tensor.zeros([2, 1], .i64), batchAxes: Int.max) }?.code == .shape)
    #expect(failure { try x.scatterND(indices: Tensor.zeros([1, 1], .i64), values: Tensor.zeros([4])) }?.code == .shape)
    #expect(failure { try x.take(Tensor([12])) }?.code == .argument)
    #expect(failure { try x.take(t([1])) }?.code == .dtype)
    #expect(failure { try x.maskedFill(t([1]), 0) }?.code == .dtype)
    #expect(failure { try x.maskedFill(Tensor([true, false]), 0) }?.code == .shape)
    #expect(failure { try x.embedding(Tensor([3])) }?.code == .argument)
    #expect(failure { try x.tracked().embedding(Tensor([0]), padding: 3) }?.code == .argument)
    #expect(failure { try x.diagonal(0, 0) }?.code == .argument)
    #expect(try x.diagonal(offset: Int.min).count == 0)
    #expect(try x.diagonal(offset: Int.max).count == 0)
    #expect(failure { try x.diagonalMatrix(offset: Int.max) }?.code == .shape)
    #expect(try x.triu(diagonal: Int.max).sum().item() == 0)
  }

  @Test func sizesOutsideAreErrors() throws {
    let x = try Tensor.arange(count: 12).reshaped([3, 4])
    #expect(failure { try x.repeated(-1, axis: 0) }?.code == .argument)
    #expect(failure { try x.repeated(1 << 39, axis: 0) } != nil)
    #expect(failure { try x.padded([1 << 39, 0, 0, 0], mode: .edge) } != nil)
    #expect(failure { try x.tiled([1 << 39, 1]) } != nil)
    #expect(failure { try x.chunked(0) }?.code == .argument)
    #expect(failure { try x.split(axis: 0, size: 0) }?.code == .argument)
    #expect(try x.split(axis: 0, size: Int.max).count == 1)
    #expect(failure { try x.flipped(axes: [0, -2]) }?.code == .argument)
    #expect(try x.rolled(Int.max, axis: 0).shape == [3, 4])
    #expect(try x.rolled(Int.min, axis: 0).shape == [3, 4])
    #expect(failure { try x.padded([1, 0, 0, 0], mode: .wrap).padded([0]) }?.code == .argument)
    #expect(failure { try Tensor.zeros([0]).padded([1, 0], mode: .wrap) }?.code == .shape)
    #expect(failure { try x.depthToSpace(block: 2) }?.code == .shape)
    let image = try Tensor.zeros([1, 4, 2, 2])
    for block in [0, -1, 3, Int.max] {
      #expect(failure { try image.depthToSpace(block: block) }?.code == .shape)
      #expect(failure { try image.spaceToDepth(block: block) }?.code == .shape)
    }
    #expect(failure { try image.unfolded(kernel: [3]) }?.code == .shape)
    #expect(failure { try image.unfolded(kernel: []) }?.code == .argument)
    #expect(failure { try image.unfolded(kernel: [2], padding: [-1]) }?.code == .argument)
    #expect(failure { try image.unfolded(kernel: [2], dilations: [1 << 29]) } != nil)
    #expect(failure { try Tensor.linspace(0, 1, count: -1) }?.code == .shape)
    #expect(failure { try Tensor.eye(-1) }?.code == .shape)
    #expect(failure { try Tensor.meshgrid([x]) }?.code == .shape)
    #expect(failure { try x.dot(x) }?.code == .shape)
    #expect(failure { try x.outer(x) }?.code == .shape)
    #expect(failure { try Tensor.zeros([1, 1, 1, 1, 1]).kron(Tensor.zeros([1])) } != nil)
    #expect(failure { try Tensor([Int64.max]).bincount() } != nil)
    #expect(failure { try Tensor([Int64(1) << 50]).bincount() } != nil)
    #expect(failure { try Tensor([1]).bincount(minimum: -1) }?.code == .argument)
    #expect(failure { try Tensor([1]).bincount(weights: t([1, 2])) }?.code == .shape)
    #expect(failure { try t([1]).histogram(bins: Int.max) } != nil)
    #expect(failure { try t([.nan]).histogram(bins: 2) }?.code == .argument)
  }

  @Test func equationsThatCannotBeReadSayWhy() throws {
    let x = try Tensor.ones([2, 3])
    let cases: [(equation: String, operands: [Tensor], code: PareError.Code, text: String)] = try [
      ("ij", [], .argument, "no operands"), ("ij,jk", [x], .argument, "2 operands are named, 1 given"),
      ("ij->", [x, x], .argument, "1 operands are named, 2 given"), ("i", [x], .shape, "names 1 axes of operand 1"),
      ("ijk", [x], .shape, "names 3 axes"), ("ij->ik", [x], .argument, "'k' of the result"), ("ij->ii", [x], .argument, "twice"),
      ("i1", [x], .argument, "'1' is no letter"), ("i.j", [x], .argument, "..."), ("......", [x], .argument, "once"),
      ("ij-", [x], .argument, "'-' without '>'"), ("ij->i->j", [x], .argument, "second arrow"), ("ij,kj->ik", [x, Tensor.ones([2, 4])], .shape, "'j' has sizes 3 and 4"),
      ("ii", [x], .shape, "'i' has sizes"), ("ij,ij", [x, Tensor.ones([2, 3], .f64)], .dtype, "f32 and f64"), ("ij", [x.gt(0)], .dtype, "bool"),
      ("ii", [Tensor.ones([1, 3])], .shape, "diagonal"), ("...,...", [x, Tensor.ones([2])], .shape, "'...' has sizes"), ("iλ", [x], .argument, "no letter"),
    ]
    for c in cases {
      let error = failure { try Tensor.einsum(c.equation, c.operands) }
      #expect(error?.code == c.code, "\(c.equation)")
      #expect(error?.description.contains(c.text) == true, "\(c.equation): \(error.map { "\($0)" } ?? "no error")")
    }
    // More axes on the way than a tensor can have.
    let many = try Tensor.ones([1, 1, 1, 1, 1])
    #expect(failure { try Tensor.einsum("abcde,fghij->abcdefghij", many, many) } != nil)
    #expect(try Tensor.einsum("abcde,fghij->", many, many).item() == 1)
  }

  @Test func lossesCheckTheirArguments() throws {
    let x = try Tensor.zeros([2, 3]), labels = try Tensor([0, 2])
    #expect(failure { try x.mseLoss(t([1])) }?.code == .shape)
    #expect(failure { try x.mseLoss(Tensor.zeros([2, 3], .f64)) }?.code == .dtype)
    #expect(failure { try x.huberLoss(x, delta: 0) }?.code == .argument)
    #expect(failure { try x.smoothL1Loss(x, beta: -1) }?.code == .argument)
    #expect(failure { try x.nllLoss(labels: Tensor([0, 3])) }?.description.contains("label 3 at position 1") == true)
    #expect(failure { try x.nllLoss(labels: t([0, 1])) }?.code == .dtype)
    #expect(failure { try x.nllLoss(labels: Tensor([0])) }?.code == .shape)
    #expect(failure { try x.nllLoss(labels: labels, weight: t([1])) }?.code == .shape)
    #expect(failure { try x.nllLoss(labels: labels, weight: Tensor.zeros([3], .f64)) }?.code == .dtype)
    #expect(failure { try x.crossEntropy(labels: labels, weight: nil, smoothing: 1) }?.code == .argument)
    #expect(failure { try x.crossEntropy(target: x, smoothing: .nan) }?.code == .argument)
    #expect(failure { try Tensor.cosineSimilarity(x, t([1, 2])) }?.code == .shape)
    // The plain form and the general one are one loss.
    let logits = try Tensor.randn([5, 4], seed: 3, dtype: .f64), five = try Tensor([0, 3, 1, 1, 2])
    for smoothing in [0, 0.1] {
      let plain = try logits.crossEntropy(labels: five, smoothing: smoothing)
      #expect(try difference(logits.crossEntropy(labels: five, weight: nil, smoothing: smoothing), plain, absolute: 1e-14) == nil)
    }
    // Nothing but ignored labels: no loss to take a mean of, but nothing to differentiate either.
    let all = try logits.crossEntropy(labels: Tensor.full([5], -100, .i64), weight: nil, reduction: .sum)
    #expect(try all.item() == 0)
    // An impossible class that is ignored adds nothing.
    #expect(try t([-.infinity, 0], [1, 2]).nllLoss(labels: Tensor([0]), ignoreIndex: 0, reduction: .sum).item() == 0)
  }

  @Test func activationsAndNormalizationsCheckTheirArguments() throws {
    let x = try Tensor.zeros([2, 4, 3])
    #expect(failure { try x.softplus(beta: 0) }?.code == .argument)
    #expect(failure { try x.celu(alpha: 0) }?.code == .argument)
    #expect(failure { try x.hardtanh(min: 1, max: 1) }?.code == .argument)
    #expect(failure { try x.hardShrink(-1) }?.code == .argument)
    #expect(failure { try x.softShrink(.nan) }?.code == .argument)
    #expect(failure { try x.glu(axis: 2) }?.code == .shape)
    #expect(failure { try x.prelu(t([1, 2, 3])) }?.code == .shape)
    #expect(failure { try x.prelu(Tensor.zeros([2, 2, 4, 3])) }?.code == .shape)
    #expect(failure { try x.layerNorm(scale: t([1, 2])) }?.code == .shape)
    #expect(failure { try x.layerNorm(scale: Tensor.zeros([5, 2, 4, 3])) }?.code == .shape)
    #expect(failure { try x.layerNorm(epsilon: -1) }?.code == .argument)
    #expect(failure { try x.converted(to: .i64).layerNorm() }?.code == .dtype)
    #expect(failure { try x.groupNorm(groups: 3) }?.code == .shape)
    #expect(failure { try x.groupNorm(groups: 2, scale: t([1])) }?.code == .shape)
    #expect(failure { try t([1, 2]).instanceNorm() }?.code == .shape)
    #expect(failure { try x.localResponseNorm(size: 0) }?.code == .argument)
    #expect(failure { try x.norm(-1) }?.code == .argument)
    // A constant row has no deviation: the normalized is 0 and its gradient finite.
    let flat = try Tensor.ones([1, 4]).tracked()
    #expect(try flat.layerNorm().scalars() == [0, 0, 0, 0])
    #expect(try flat.layerNorm().square().sum().backward()[flat]?.scalars() == [0, 0, 0, 0])
    #expect(try flat.std().item() == 0)
    #expect(try flat.std().backward()[flat]?.scalars() == [0, 0, 0, 0])
  }

  /// As many positions as channels: scale and shift still belong to the channels, as in f64, which has no row kernel.
  @Test func normalizationsOfAsManyChannelsAsPositions() throws {
    let scale = try t([1, 10, 100, 1000]).tracked(), shift = try t([1, 2, 3, 4]).tracked()
    let normalizations: [@Sendable (Tensor, Tensor, Tensor) throws -> Tensor] = [
      { try $0.instanceNorm(scale: $1, shift: $2) }, { try $0.groupNorm(groups: 4, scale: $1, shift: $2) },
      { try $0.layerNorm(axis: 2, scale: $1.reshaped([4, 1, 1]), shift: $2.reshaped([4, 1, 1])) },
      { try $0.layerNorm(axis: 2, scale: $1.reshaped([2, 2]), shift: $2.reshaped([1, 2, 2])) },
    ]
    for (i, f) in normalizations.enumerated() {
      let x = try Tensor.arange(count: 32).reshaped([2, 4, 2, 2]).sin().tracked()
      let wide = try [x, scale, shift].map { try $0.detached().converted(to: .f64).tracked() }
      let y = try f(x, scale, shift), reference = try f(wide[0], wide[1], wide[2])
      #expect(try difference(y, reference, absolute: 0.01, relative: 1e-4, checkingDType: false) == nil, "\(i)")
      let probe = try Tensor.arange(count: 32, dtype: .f64).reshaped([2, 4, 2, 2]).cos()
      let (narrow, exact) = (try (y * probe.converted(to: .f32)).sum().backward(), try (reference * probe).sum().backward())
      for (a, b) in zip([x, scale, shift], wide) {
        #expect(try difference(#require(narrow[a]), #require(exact[b]), absolute: 0.05, relative: 1e-3, checkingDType: false) == nil, "\(i)")
      }
    }
  }

  /// Of several values for one place the last stays, and alone has a gradient.
  @Test func scatterWithDuplicates() throws {
    let x = try t([1, 2, 3]).tracked(), v = try t([10, 20, 30]).tracked()
    let y = try x.scatterElements(axis: 0, indices: Tensor([1, 1, 2]), values: v)
    #expect(try y.scalars() == [1, 20, 30])
    let gradients = try y.sum().backward()
    #expect(try gradients[x]?.scalars() == [1, 0, 0])
    #expect(try gradients[v]?.scalars() == [0, 1, 1])
    // Equal ones share.
    let z = try t([5, 5]).tracked(), w = try t([5, 5, 1]).tracked()
    let shared = try z.scatterElements(axis: 0, indices: Tensor([0, 0, 1]), values: w, reduction: .max).sum().backward()
    #expect(try difference(#require(shared[z]), t([1.0 / 3, 1]), absolute: 1e-7) == nil)
    #expect(try difference(#require(shared[w]), t([1.0 / 3, 1.0 / 3, 0]), absolute: 1e-7) == nil)
  }

  @Test func paddingRowsOfATableRest() throws {
    let table = try Tensor.ones([3, 2]).tracked()
    let gradients = try table.embedding(Tensor([0, 2, 2, 1], shape: [2, 2]), padding: -1).sum().backward()
    #expect(try gradients[table]?.scalars() == [1, 1, 1, 1, 0, 0])
  }

  @Test func diagonalsAreViews() throws {
    let x = try Tensor.zeros([256, 256])
    let before = Compute.memory().current
    let d = try x.diagonal(offset: 3)
    #expect(Compute.memory().current == before)
    #expect(d.shape == [253])
  }

  @Test func gridsAreExact() throws {
    let x = try Tensor.linspace(-0.1, 0.1, count: 21, dtype: .f64).scalars()
    #expect(x[0] == -0.1 && x[20] == 0.1 && x[10].magnitude < 1e-17)
    #expect(zip(x, x.reversed()).dropFirst(11).allSatisfy { $0 == -$1 })
    #expect(try Tensor.linspace(2, 9, count: 1).scalars() == [2])
    #expect(try Tensor.eye(2, 3, diagonal: -1, dtype: .i8).scalars() == [0, 0, 0, 1, 0, 0])
    #expect(try Tensor.eye(2, diagonal: 5).sum().item() == 0)
  }
}

extension Tensor {
  /// The shape that blocks without channels come to.
  fileprivate func depthToSpaceOfNothing() throws -> Shape { try Tensor.zeros([0, 4, 2, 3]).depthToSpace(block: 2).shape }
}
