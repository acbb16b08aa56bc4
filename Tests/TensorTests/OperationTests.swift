import Support
import Tensor
import TestSupport
import Testing

private func t(_ values: [Double], _ shape: Shape? = nil, _ dtype: DType = .f32) throws -> Tensor {
  try Tensor(values, shape: shape ?? Shape([values.count])).converted(to: dtype)
}

@Suite struct ArithmeticTests {
  @Test func broadcastingFollowsNumPy() throws {
    let a = try t([1, 2, 3], [3, 1]), b = try t([10, 20], [1, 2])
    #expect(try difference(a + b, t([11, 21, 12, 22, 13, 23], [3, 2])) == nil)
    #expect(try difference(b - a, t([9, 19, 8, 18, 7, 17], [3, 2])) == nil)
    let error = failure { try t([1, 2, 3]) + t([1, 2]) }
    #expect(error?.code == .shape)
    #expect(error?.description.contains("[add] shapes [3] and [2]") == true)
  }

  @Test func everyLayoutGivesTheSameValues() throws {
    let a = try Tensor.randn([3, 5, 4, 6], seed: 1), b = try Tensor.randn([3, 5, 4, 6], seed: 2)
    let bias = try Tensor.randn([5, 1, 1], seed: 3)
    let plain = try a * b + bias
    for x in try [a, a.channelsLast(), a.transposed(0, 3).contiguous().transposed(0, 3)] {
      for y in try [b, b.channelsLast(), b.transposed(1, 2).contiguous().transposed(1, 2)] {
        #expect(try difference(x * y + bias, plain) == nil)
        #expect(try difference(bias + y * x, plain) == nil)
      }
    }
    #expect(try (a.channelsLast() + bias).isChannelsLast)
    #expect(try a.channelsLast().relu().isChannelsLast)
    let part = try a.slice(axis: 3, from: 1, to: 6, step: 2)
    #expect(try difference(part + 1, (a + 1).slice(axis: 3, from: 1, to: 6, step: 2)) == nil)
  }

  @Test func dtypesAreNotMixed() throws {
    let error = failure { try t([1], nil, .f32) + t([1], nil, .f64) }
    #expect(error?.code == .dtype)
    #expect(failure { try t([1], nil, .i32) * 0.5 }?.code == .dtype)
    #expect(failure { try t([1], nil, .bool) + t([1], nil, .bool) }?.code == .dtype)
    #expect(failure { try t([1], nil, .i64).sqrt() }?.code == .dtype)
    #expect(try (t([1, 2], nil, .f16) + 1).dtype == .f16)
    #expect(try (t([3], nil, .i64) * 2).values(as: Int64.self) == [6])
  }

  @Test func integersNeverTrap() throws {
    let i8 = try t([127, -128], nil, .i8)
    #expect(try (i8 + 1).scalars() == [-128, -127])
    #expect(try (-i8).scalars() == [-127, -128])
    #expect(try i8.abs().scalars() == [127, -128])
    #expect(try (t([200, 100], nil, .u8) * 2).scalars() == [144, 200])
    #expect(try (Tensor([Int64.min]) / Tensor([Int64(-1)])).values(as: Int64.self) == [.min])
    #expect(try (t([7, -7], nil, .i32) / 2).scalars() == [3, -3])
    #expect(try t([7, -7], nil, .i32).mod(3).scalars() == [1, 2])
    #expect(try t([7, -7]).mod(3).scalars() == [1, -1])
    #expect(try t([2, -1, 0], nil, .i32).pow(t([-1, -3, -2], nil, .i32)).scalars() == [0, -1, 0])
    #expect(failure { try t([1, 2], nil, .i32) / t([1, 0], nil, .i32) }?.code == .argument)
  }

  @Test func nanPassesThrough() throws {
    let x = try t([.nan, 1])
    for y in try [x.relu(), x.maximum(0), x.minimum(0), x.clip(min: -1, max: 1), x.sign(), x.max(), x.min(), x.sum()] {
      #expect(try y.scalars()[0].isNaN)
    }
    #expect(try x.isNaN().scalars() == [1, 0])
    #expect(try t([.infinity, 0, .nan]).isFinite().scalars() == [0, 1, 0])
  }

  @Test func roundingIsToEven() throws {
    #expect(try t([0.5, 1.5, 2.5, -0.5, -1.5]).round().scalars() == [0, 2, 2, 0, -2])
    #expect(try t([1.5, -1.5]).floor().scalars() == [1, -2])
    #expect(try t([1.5, -1.5]).ceil().scalars() == [2, -1])
  }

  @Test func comparisonsAndChoice() throws {
    let a = try t([1, 2, 3]), b = try t([3, 2, 1])
    #expect(try a.eq(b).scalars() == [0, 1, 0])
    #expect(try a.ne(2).scalars() == [1, 0, 1])
    #expect(try a.lt(b).or(a.ge(3)).scalars() == [1, 0, 1])
    #expect(try a.le(b).not().scalars() == [0, 0, 1])
    #expect(try Tensor.where(a.gt(1), a, Tensor.scalar(0)).scalars() == [0, 2, 3])
    // 0.1 is no f32: the numbers are compared as they are.
    #expect(try t([0.1]).eq(0.1).scalars() == [0])
    #expect(failure { try Tensor.where(a, a, b) }?.code == .dtype)
    #expect(try Tensor([Int64.max]).eq(Double(Int64.max)).scalars() == [0])
  }

  /// Known values, from NumPy and SciPy in f64.
  @Test func functionsHaveTheirValues() throws {
    let x = try t([-1, 0.5, 2], nil, .f64)
    let close = 1e-15
    #expect(try difference(x.erf(), t([-0.8427007929497149, 0.5204998778130465, 0.9953222650189527], nil, .f64), absolute: close) == nil)
    #expect(try difference(x.sigmoid(), t([0.2689414213699951, 0.6224593312018546, 0.8807970779778823], nil, .f64), absolute: close) == nil)
    #expect(try difference(x.tanh(), t([-0.7615941559557649, 0.46211715726000973, 0.9640275800758169], nil, .f64), absolute: close) == nil)
    #expect(try difference(x.softmax(), t([0.03911257, 0.17529039, 0.78559703], nil, .f64), absolute: 1e-8) == nil)
    #expect(try t([1000, 1000]).softmax().scalars() == [0.5, 0.5])
    #expect(try t([-.infinity, 0]).logSoftmax().scalars() == [-.infinity, 0])
  }
}

@Suite struct ReductionTests {
  @Test func axesAndKept() throws {
    let x = try Tensor.arange(count: 24).reshaped([2, 3, 4])
    #expect(try x.sum().item() == 276)
    #expect(try difference(x.sum(axes: [1]), t([12, 15, 18, 21, 48, 51, 54, 57], [2, 4])) == nil)
    #expect(try difference(x.sum(axes: [0, 2], keepDims: true), t([60, 92, 124], [1, 3, 1])) == nil)
    #expect(try difference(x.mean(axes: [-1]), t([1.5, 5.5, 9.5, 13.5, 17.5, 21.5], [2, 3])) == nil)
    #expect(try difference(x.max(axes: [0, 1]), t([20, 21, 22, 23])) == nil)
    #expect(try x.sum(axes: []).isEqual(to: x))
    #expect(failure { try x.sum(axes: [3]) }?.code == .argument)
  }

  /// All layouts and patterns of reduced axes against a plain loop.
  @Test func everyPatternOfAxes() throws {
    let x = try Tensor.randn([3, 4, 5, 6], seed: 2, dtype: .f64)
    let values = try x.scalars()
    for pattern in 0..<16 {
      let axes = (0..<4).filter { pattern >> $0 & 1 == 1 }
      let kept = x.shape.dimensions.enumerated().map { axes.contains($0.offset) ? 1 : $0.element }
      var sums = [Double](repeating: 0, count: kept.reduce(1, *))
      for i in values.indices {
        var (rest, at, step) = (i, 0, 1)
        for axis in [3, 2, 1, 0] {
          let position = rest % x.shape[axis]
          rest /= x.shape[axis]
          if !axes.contains(axis) { at += position * step }
          step *= kept[axis]
        }
        sums[at] += values[i]
      }
      let expected = try Tensor(sums, shape: Shape(kept))
      for y in try [x, x.channelsLast(), x.permuted([3, 1, 0, 2]).contiguous().permuted([2, 1, 3, 0])] {
        #expect(try difference(y.sum(axes: axes, keepDims: true), expected, absolute: 1e-12) == nil, "axes \(axes)")
        #expect(try difference((y * 2).converted(to: .f32).sum(axes: axes, keepDims: true), (expected * 2).converted(to: .f32), absolute: 1e-5) == nil)
      }
    }
  }

  @Test func floatSumsAreAccurateAndRepeatable() throws {
    let x = try Tensor.full([3_000_000], 0.1)
    #expect(try (x.sum().item() - 300_000).magnitude < 0.02)
    let y = try Tensor.randn([1000, 300], seed: 8)
    let before = Compute.threads
    defer { Compute.threads = before }
    Compute.threads = 1
    let one = (try y.sum(), try y.sum(axes: [0]), try y.sum(axes: [1]))
    Compute.threads = 3
    #expect(try y.sum().isEqual(to: one.0) && y.sum(axes: [0]).isEqual(to: one.1) && y.sum(axes: [1]).isEqual(to: one.2))
  }

  @Test func integersSumWide() throws {
    let x = try Tensor.full([1000], 100, .i8)
    #expect(try x.sum().dtype == .i64)
    #expect(try x.sum().item() == 100_000)
    #expect(try Tensor([true, false, true]).sum().item() == 2)
    #expect(try x.max().dtype == .i8)
    #expect(failure { try x.mean() }?.code == .dtype)
  }

  @Test func nothingToReduce() throws {
    let x = try Tensor.zeros([0, 3])
    #expect(try x.sum(axes: [0]).scalars() == [0, 0, 0])
    #expect(try x.sum().item() == 0)
    #expect(try x.mean().item().isNaN)
    #expect(try x.prod(axes: [0]).scalars() == [1, 1, 1])
    #expect(failure { try x.max() }?.code == .shape)
    #expect(failure { try x.argmax(axis: 0) }?.code == .shape)
    #expect(try x.max(axes: [1]).count == 0)
  }

  @Test func positionsOfExtremes() throws {
    let x = try t([3, 9, 9, -1, .nan, 5], [2, 3])
    #expect(try x.argmax(axis: 1).values(as: Int.self) == [1, 1])
    #expect(try x.argmin(axis: 0, keepDims: true).values(as: Int.self) == [1, 1, 1])
    #expect(try t([1, 5, 2]).argmax().item() == 1)
    #expect(try x.transposed().argmax(axis: 0).values(as: Int.self) == [1, 1])
  }

  @Test func quantilesInterpolate() throws {
    let x = try t([3, 1, 2, 4])
    #expect(try x.quantile(0).item() == 1)
    #expect(try x.quantile(1).item() == 4)
    #expect(try x.quantile(0.5).item() == 2.5)
    #expect(try x.quantile(0.9).item().rounded(.toNearestOrEven) == 4)
    #expect(try (Tensor.arange(count: 1001, dtype: .f64).quantile(0.37).item() - 370).magnitude < 1e-9)
    #expect(failure { try x.quantile(1.1) }?.code == .argument)
    #expect(failure { try Tensor.zeros([0]).quantile(0.5) }?.code == .shape)
    #expect(try t([1, .nan]).quantile(0.5).item().isNaN)
  }

  @Test func orderAndCounts() throws {
    let x = try t([2, 1, .nan, 2, 3])
    #expect(try x.argsort().values(as: Int.self) == [1, 0, 3, 4, 2])
    #expect(try x.argsort(descending: true).values(as: Int.self) == [4, 0, 3, 1, 2])
    let (values, indices) = try t([4, 8, 6, 1, 7, 3], [2, 3]).topk(2)
    #expect(try difference(values, t([8, 6, 7, 3], [2, 2])) == nil)
    #expect(try indices.values(as: Int.self) == [1, 2, 1, 2])
    #expect(failure { try x.topk(6) }?.code == .argument)
    let (different, counts) = try t([2, 1, 2, 3, 2]).unique()
    #expect(try different.scalars() == [1, 2, 3])
    #expect(try counts.values(as: Int.self) == [1, 3, 1])
    #expect(try t([0, 0.4, 1, 2, 1.9]).histogram(bins: 2, lower: 0, upper: 2).values(as: Int.self) == [2, 3])
    #expect(try t([0, 3, 0, -1]).countNonzero() == 2)
    #expect(try t([1, 2, 3]).cumsum(axis: 0, exclusive: true).scalars() == [0, 1, 3])
  }
}

@Suite struct ViewTests {
  @Test func viewsShareStorage() throws {
    let x = try Tensor.zeros([64, 64])
    let before = Compute.memory().current
    let views = try [x.transposed(), x.reshaped([8, -1]), x.slice(axis: 0, from: 3, to: 9, step: 2), x.unsqueezed(1).expanded(to: [64, 5, 64])]
    #expect(Compute.memory().current - before < 16384)
    #expect(views.map { $0.count } == [4096, 4096, 192, 20480])
  }

  @Test func slicesAndTheirErrors() throws {
    let x = try Tensor.arange(count: 10)
    #expect(try x.slice(axis: 0, from: 2, to: 8, step: 3).scalars() == [2, 5])
    #expect(try x.slice(axis: 0, from: -3).scalars() == [7, 8, 9])
    #expect(try x.slice(axis: 0, from: 0, to: 5, step: -2).scalars() == [4, 2, 0])
    #expect(try x.slice(axis: 0, step: Int.max).scalars() == [0])
    for (from, to, step) in [(0, 11, 1), (-11, 3, 1), (5, 4, 1), (0, 3, 0), (0, 3, Int.min), (Int.max, Int.max, 1)] {
      #expect(failure { try x.slice(axis: 0, from: from, to: to, step: step) }?.code == .argument)
    }
    #expect(failure { try x.narrowed(axis: 0, start: 2, length: Int.max) }?.code == .argument)
    #expect(failure { try x.select(axis: 0, index: 10) }?.code == .argument)
    #expect(failure { try x.slice(axis: 1) }?.code == .argument)
  }

  @Test func reshapesAndTheirErrors() throws {
    let x = try Tensor.zeros([2, 3, 4])
    #expect(try x.reshaped([-1, 6]).shape == [4, 6])
    #expect(try x.flattened().shape == [2, 12])
    #expect(try x.flattened(from: 0).shape == [1, 24])
    #expect(try x.flattened(from: 3).shape == [24, 1])
    for sizes in [[5, 5], [-1, -1], [-1, 5], [-2, 12], [0, -1], [Int.max, 2]] {
      #expect(failure { try x.reshaped(sizes) }?.code == .shape)
    }
    #expect(failure { try x.permuted([0, 0, 1]) }?.code == .argument)
    #expect(failure { try x.squeezed(0) }?.code == .shape)
    #expect(failure { try x.expanded(to: [2, 3, 5]) }?.code == .shape)
  }

  @Test func joiningAndCutting() throws {
    let a = try t([1, 2], [1, 2]), b = try t([3, 4, 5, 6], [2, 2])
    #expect(try difference(Tensor.concat([a, b], axis: 0), t([1, 2, 3, 4, 5, 6], [3, 2])) == nil)
    #expect(try Tensor.stack([a, a], axis: -1).shape == [1, 2, 2])
    #expect(try b.split(axis: 1, sizes: [0, 2]).map { $0.shape } == [[2, 0], [2, 2]])
    #expect(failure { try Tensor.concat([], axis: 0) }?.code == .argument)
    #expect(failure { try Tensor.concat([a, b], axis: 1) }?.code == .shape)
    #expect(failure { try b.split(axis: 1, sizes: [3]) }?.code == .argument)
    #expect(failure { try b.split(axis: 1, sizes: [Int.max, 3]) }?.code == .argument)
    #expect(try t([1, 2, 3]).padded([2, 2], mode: .reflect).scalars() == [3, 2, 1, 2, 3, 2, 1])
    #expect(try t([1, 2]).padded([1, -1]).scalars() == [0, 1])
    #expect(failure { try t([1, 2]).padded([2, 0], mode: .reflect) }?.code == .shape)
    #expect(try t([1, 2]).tiled([3]).scalars() == [1, 2, 1, 2, 1, 2])
    #expect(failure { try t([1, 2]).tiled([Int.max]) } != nil)
  }

  @Test func gathering() throws {
    let x = try Tensor.arange(count: 6).reshaped([3, 2])
    #expect(try difference(x.gather(axis: 0, indices: Tensor([2, -3])), t([4, 5, 0, 1], [2, 2])) == nil)
    #expect(try x.gather(axis: 1, indices: Tensor([1], shape: [])).scalars() == [1, 3, 5])
    let error = failure { try x.gather(axis: 0, indices: Tensor([0, 3])) }
    #expect(error?.code == .argument)
    #expect(error?.description.contains("index 3 at position 1") == true)
    #expect(failure { try x.gather(axis: 0, indices: Tensor([Int64.min])) }?.code == .argument)
    #expect(failure { try x.gather(axis: 0, indices: t([0])) }?.code == .dtype)
    #expect(try Tensor([1, 0]).oneHot(classes: 2).scalars() == [0, 1, 1, 0])
    #expect(failure { try Tensor([2]).oneHot(classes: 2) }?.code == .argument)
    #expect(try x.gt(2).nonzeroIndices().values(as: Int.self) == [1, 2, 2, 1, 0, 1])
  }
}

@Suite struct NetworkTests {
  @Test func convolutionHasItsValues() throws {
    let x = try Tensor.arange(count: 9).reshaped([1, 1, 3, 3])
    let w = try t([1, 2, 3, 4], [1, 1, 2, 2])
    #expect(try difference(x.conv(weight: w, bias: t([0.5])), t([27.5, 37.5, 57.5, 67.5], [1, 1, 2, 2])) == nil)
    #expect(try x.conv(weight: w, padding: [1]).shape == [1, 1, 4, 4])
    // [[0,1,2],[3,4,5],[6,7,8]] with a row and a column of zeros after it.
    #expect(try x.conv(weight: w, strides: [2], padding: [0, 0, 1, 1]).scalars() == [27, 17, 20, 8])
  }

  @Test func windowsOutsideTheInputAreErrors() throws {
    let x = try Tensor.zeros([1, 4, 3, 3])
    let w = try Tensor.zeros([4, 4, 5, 5])
    #expect(failure { try x.conv(weight: w) }?.code == .shape)
    #expect(failure { try x.conv(weight: w, padding: [-1]) }?.code == .argument)
    #expect(failure { try x.conv(weight: w, strides: [0], padding: [2]) }?.code == .argument)
    #expect(failure { try x.conv(weight: w, padding: [Int.max]) }?.code == .argument)
    #expect(failure { try x.conv(weight: Tensor.zeros([4, 3, 1, 1])) }?.code == .shape)
    #expect(failure { try x.conv(weight: Tensor.zeros([4, 4, 1, 1]), groups: 0) }?.code == .shape)
    #expect(failure { try x.conv(weight: Tensor.zeros([4, 4, 1, 1], .f64)) }?.code == .dtype)
    #expect(failure { try x.maxPool(kernel: [4]) }?.code == .shape)
    #expect(failure { try x.maxPool(kernel: []) }?.code == .argument)
    #expect(failure { try x.batchNorm(scale: w, shift: w, mean: w, variance: w) }?.code == .shape)
    #expect(failure { try x.crossEntropy(labels: Tensor([0])) }?.code == .shape)
    #expect(failure { try Tensor.zeros([1, 3]).crossEntropy(labels: Tensor([3])) }?.code == .argument)
  }

  @Test func poolingHasItsValues() throws {
    let x = try Tensor.arange(count: 9).reshaped([1, 1, 3, 3])
    #expect(try x.maxPool(kernel: [2], strides: [1]).scalars() == [4, 5, 7, 8])
    #expect(try x.maxPool(kernel: [2], ceil: true).scalars() == [4, 5, 7, 8])
    #expect(try x.averagePool(kernel: [2], strides: [1]).scalars() == [2, 3, 5, 6])
    #expect(try x.averagePool(kernel: [2], padding: [1, 1, 0, 0], countIncludePad: true).scalars() == [0, 0.75, 2.25, 6])
    #expect(try x.averagePool(kernel: [2], padding: [1, 1, 0, 0]).scalars() == [0, 1.5, 4.5, 6])
    #expect(try x.globalAveragePool().scalars() == [4])
  }

  @Test func matmulHasItsValuesInEveryLayout() throws {
    let a = try Tensor.randn([7, 5], seed: 1), b = try Tensor.randn([5, 6], seed: 2)
    let expected = try Compute.withBackend(.reference) { try a.matmul(b) }
    let wide = try Tensor.randn([7, 10], seed: 3)
    for x in try [a, a.transposed().contiguous().transposed()] {
      for y in try [b, b.transposed().contiguous().transposed()] {
        #expect(try difference(x.matmul(y), expected, absolute: 1e-5) == nil)
      }
    }
    let strided = try wide.slice(axis: 1, step: 2)
    #expect(try difference(strided.matmul(b), strided.contiguous().matmul(b)) == nil)
    let batch = try Tensor.randn([3, 1, 7, 5], seed: 4)
    #expect(try difference(batch.matmul(b).select(axis: 0, index: 2).squeezed(0), batch.select(axis: 0, index: 2).squeezed(0).matmul(b), absolute: 1e-5) == nil)
    #expect(try t([1, 2], nil, .i64).matmul(t([3, 4], nil, .i64)).item() == 11)
    let error = failure { try a.matmul(a) }
    #expect(error?.description.contains("[matmul] shapes [7, 5] and [7, 5]") == true)
    // A single row or column, whose stride says nothing.
    #expect(try difference(a.slice(axis: 0, from: 2, to: 3).matmul(b), expected.slice(axis: 0, from: 2, to: 3), absolute: 1e-5) == nil)
    #expect(try difference(a.matmul(b.slice(axis: 1, from: 2, to: 3)), expected.slice(axis: 1, from: 2, to: 3), absolute: 1e-5) == nil)
  }
}

@Suite struct TapeTests {
  @Test func untrackedWorkRecordsNothing() throws {
    let x = try t([1, 2]).tracked()
    #expect(try !Tensor.withoutGradient { try (x * 2).isTracked })
    #expect(try !(t([1]) + 1).isTracked)
    #expect(try (x * 2).isTracked)
    #expect(try !(x * 2).detached().isTracked)
    #expect(try !x.eq(1).isTracked)
    #expect(failure { try t([1]).backward() }?.code == .argument)
    #expect(failure { try (x * 2).backward() }?.code == .shape)
    #expect(failure { try (x * 2).backward(seed: t([1])) }?.code == .shape)
  }

  @Test func gradientsBelongToLeaves() throws {
    let x = try t([2]).tracked(), y = try t([3]).tracked(), z = try t([1]).tracked()
    let gradients = try (x * y + x).sum().backward()
    #expect(try gradients[x]?.item() == 4)
    #expect(try gradients[y]?.item() == 2)
    #expect(gradients[z] == nil)
    // The history stays.
    let loss = try (x * x).sum()
    #expect(try loss.backward()[x]?.item() == 4)
    #expect(try loss.backward()[x]?.item() == 4)
  }

  @Test func customGradients() throws {
    let x = try t([2]).tracked(), w = try t([5])
    let y = try Tensor.custom(inputs: [x, w]) { try $0[0] * $0[1] } gradient: { g, inputs, output in
      #expect(try output.item() == 10)
      return [try g * 100, nil]
    }
    #expect(try y.backward()[x]?.item() == 100)
    let wrong = try Tensor.custom(inputs: [x]) { try $0[0] * 2 } gradient: { _, _, _ in [try Tensor.zeros([3])] }
    #expect(failure { try wrong.backward() }?.code == .shape)
    let few = try Tensor.custom(inputs: [x]) { try $0[0] * 2 } gradient: { _, _, _ in [] }
    #expect(failure { try few.backward() }?.code == .argument)
  }

  @Test func straightThroughPassesTheGradient() throws {
    let x = try t([0.4, 1.6]).tracked()
    let y = try Tensor.straightThrough(x.round(), of: x)
    #expect(try y.scalars() == [0, 2])
    #expect(try (y * y).sum().backward()[x]?.scalars() == [0, 4])
  }
}
