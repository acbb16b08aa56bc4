import CKernels
import Support
import TestSupport
import Testing

/// The kernels for weights with zeros and of few bits against plain loops: random geometries, every instruction set, one
/// and several threads, which must give the same bits.
@Suite(.serialized) struct SparseKernelTests {
  /// Memory at a 64-byte boundary.
  final class Block<T: BitwiseCopyable> {
    let base: UnsafeMutablePointer<T>
    let count: Int

    init(_ count: Int, _ value: T) {
      self.count = count
      base = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<T>.stride + 64, alignment: 64)
        .bindMemory(to: T.self, capacity: count)
      base.initialize(repeating: value, count: count)
    }

    convenience init(_ values: [T], or value: T) {
      self.init(max(values.count, 1), value)
      for (index, value) in values.enumerated() { base[index] = value }
    }

    deinit { base.deallocate() }
    var values: [T] { (0..<count).map { base[$0] } }
  }

  struct Problem: CustomStringConvertible {
    var images = 1, groups = 1, channels = 1, outputs = 1
    var size = (h: 1, w: 1), kernel = (h: 1, w: 1), stride = (h: 1, w: 1), dilation = (h: 1, w: 1), pad = (h: 0, w: 0)
    var end = (h: 0, w: 0)
    var out: (h: Int, w: Int) {
      (
        (size.h + pad.h + end.h - (kernel.h - 1) * dilation.h - 1) / stride.h + 1,
        (size.w + pad.w + end.w - (kernel.w - 1) * dilation.w - 1) / stride.w + 1
      )
    }
    var description: String {
      "\(images)x\(groups)x\(channels)->\(outputs) \(size) kernel \(kernel) stride \(stride) dilation \(dilation) pad \(pad) \(end)"
    }
    var weights: Int { groups * outputs * channels * kernel.h * kernel.w }
    var inputs: Int { images * groups * channels * size.h * size.w }
    var results: Int { images * groups * outputs * out.h * out.w }

    /// `quads`: channels and outputs in multiples of four.
    init(_ random: inout RandomSource, quads: Bool = false) {
      func pick(_ range: ClosedRange<Int>) -> Int { range.lowerBound + random.integer(below: range.count) }
      let unit = quads ? 4 : 1
      images = pick(1...3)
      groups = [1, 1, 1, 2][random.integer(below: 4)]
      channels = pick(1...(quads ? 9 : 40)) * unit
      outputs = pick(1...(quads ? 9 : 37)) * unit
      repeat {
        size = [(pick(1...20), pick(1...34)), (pick(1...9), pick(1...9)), (28, 28), (14, 14), (7, 7)][random.integer(below: 5)]
        kernel = [(1, 1), (3, 3), (pick(1...5), pick(1...5))][random.integer(below: 3)]
        stride = [(1, 1), (2, 2), (pick(1...3), pick(1...3))][random.integer(below: 3)]
        dilation = [(1, 1), (pick(1...2), pick(1...3))][random.integer(below: 2)]
        pad = (pick(0...(kernel.h / 2)), pick(0...(kernel.w / 2)))
        end = (pick(0...2), pick(0...2))
      } while (kernel.h - 1) * dilation.h >= size.h + pad.h + end.h || (kernel.w - 1) * dilation.w >= size.w + pad.w + end.w
    }

    var layer: pare_sparse_layer {
      var l = pare_sparse_layer()
      l.groups = Int32(groups)
      l.channels = Int32(channels)
      l.outputs = Int32(outputs)
      (l.height, l.width) = (Int32(size.h), Int32(size.w))
      (l.kernel_height, l.kernel_width) = (Int32(kernel.h), Int32(kernel.w))
      (l.stride_y, l.stride_x) = (Int32(stride.h), Int32(stride.w))
      (l.dilation_y, l.dilation_x) = (Int32(dilation.h), Int32(dilation.w))
      (l.pad_top, l.pad_left) = (Int32(pad.h), Int32(pad.w))
      (l.out_height, l.out_width) = (Int32(out.h), Int32(out.w))
      return l
    }

    /// Calls `body` with each output's index and the products that it sums: index of the input and of the weight.
    func forEachOutput(_ body: (_ output: Int, _ channel: Int, _ products: [(Int, Int)]) -> Void) {
      for n in 0..<images {
        for o in 0..<(groups * outputs) {
          for y in 0..<out.h {
            for x in 0..<out.w {
              var products: [(Int, Int)] = []
              for a in 0..<kernel.h {
                let row = y * stride.h + a * dilation.h - pad.h
                guard (0..<size.h).contains(row) else { continue }
                for b in 0..<kernel.w {
                  let column = x * stride.w + b * dilation.w - pad.w
                  guard (0..<size.w).contains(column) else { continue }
                  for c in 0..<channels {
                    let plane = (n * groups + o / outputs) * channels + c
                    products.append(
                      ((plane * size.h + row) * size.w + column, ((o * channels + c) * kernel.h + a) * kernel.w + b))
                  }
                }
              }
              body(((n * groups * outputs + o) * out.h + y) * out.w + x, o, products)
            }
          }
        }
      }
    }
  }

  static func number(_ random: inout RandomSource) -> Float { Float(random.uniform() * 2 - 1) }

  /// What is wrong with `got`, or nil: each element within a rounding or so of each product summed.
  static func difference(_ got: [Float], _ expected: [Double], _ tolerance: Double = 2e-5) -> String? {
    for (index, pair) in zip(got, expected).enumerated() where !(abs(Double(pair.0) - pair.1) <= tolerance) {
      return "element \(index) is \(pair.0) instead of \(pair.1)"
    }
    return got.count < expected.count ? "\(got.count) elements instead of \(expected.count)" : nil
  }

  /// Weights in blocks of `outputs` that are zero together.
  static func weights(_ p: Problem, _ random: inout RandomSource, density: Double, block: Int) -> [Float] {
    let row = p.channels * p.kernel.h * p.kernel.w
    var weights = [Float](repeating: 0, count: p.weights)
    for g in 0..<p.groups {
      for first in stride(from: 0, to: p.outputs, by: block) {
        for i in 0..<row where random.uniform() < density {
          for o in first..<min(first + block, p.outputs) { weights[(g * p.outputs + o) * row + i] = number(&random) }
        }
      }
    }
    return weights
  }

  @Test(arguments: 0..<12)
  func sparseConvolution(_ seed: Int) throws {
    try convolution(seed, blocks: false)
  }

  /// From 12 on images lie in blocks of channels, and every second kernel is 1x1 on whole planes.
  @Test(arguments: 0..<24)
  func blockConvolution(_ seed: Int) throws {
    try convolution(seed, blocks: true)
  }

  private func convolution(_ seed: Int, blocks: Bool) throws {
    var random = RandomSource(seed: UInt64(100 + seed))
    var p = Problem(&random)
    if seed >= 12 {
      (p.images, p.channels, p.outputs) = (1 + seed % 2, [16, 32, 48, 272, 528][seed % 5], [32, 16, 48][seed % 3])
      if seed % 2 == 0 { (p.kernel, p.stride, p.dilation, p.pad, p.end) = ((1, 1), (1, 1), (1, 1), (0, 0), (0, 0)) }
    }
    let density = [0.1, 0.3, 0, 1][seed % 4]
    let weights = Self.weights(p, &random, density: density, block: blocks ? 16 : 1)
    let input = Block((0..<p.inputs).map { _ in Self.number(&random) }, or: 0)
    let bias = Block((0..<p.groups * p.outputs).map { _ in Self.number(&random) }, or: 0)
    let residual = Block((0..<p.results).map { _ in Self.number(&random) }, or: 0)
    let isPlain = seed % 3 == 0
    let limits: (low: Float, high: Float) = isPlain ? (-.infinity, .infinity) : (0, 0.75)
    var expected = [Double](repeating: 0, count: p.results)
    p.forEachOutput { index, o, products in
      var sum = products.reduce(0) { $0 + Double(input.base[$1.0]) * Double(weights[$1.1]) }
      if !isPlain { sum += Double(bias.base[o]) + Double(residual.base[index]) }
      expected[index] = min(max(sum, Double(limits.low)), Double(limits.high))
    }
    var epilogue = pare_sparse_epilogue(
      bias: isPlain ? nil : UnsafePointer(bias.base), residual: isPlain ? nil : UnsafePointer(residual.base),
      low: limits.low, high: limits.high)
    for planned in [1, 3] {
      let run = blocks ? blockRunner(p, weights, planned, input) : sparseRunner(p, weights, density, planned, input)
      onEveryInstructionSet { level in
        var first: [Float]?
        for threads in [1, 2, 3] {
          let output = Block<Float>(p.results + 3, .pi)
          run(output.base, &epilogue, Int32(threads))
          let products = Double(p.channels * p.kernel.h * p.kernel.w)
          let problem = Self.difference(Array(output.values.prefix(p.results)), expected, 2e-5 * max(1, products / 300))
          #expect(problem == nil, "\(p) planned for \(planned), on \(threads), level \(level): \(problem ?? "")")
          #expect(output.values.suffix(3) == [.pi, .pi, .pi], "\(p): wrote beyond the end")
          if let first { #expect(first == output.values) }
          first = output.values
        }
      }
    }
  }

  private typealias Runner = (UnsafeMutablePointer<Float>, UnsafePointer<pare_sparse_epilogue>, Int32) -> Void

  private func sparseRunner(_ p: Problem, _ weights: [Float], _ density: Double, _ planned: Int, _ input: Block<Float>) -> Runner {
    var layer = p.layer
    pare_sparse_plan(&layer, density, Int32(planned))
    let packed = Packed(layer, weights.map(\.bitPattern), ignoring: 0x8000_0000)
    let scratch = Block<UInt8>(Int(pare_sparse_scratch(&layer, 3)), 0)
    return { output, epilogue, threads in
      var layer = layer
      pare_sparse_convolution(
        &layer, packed.begins.base, packed.rows.base, packed.offsets.base, packed.values.base, input.base, output,
        Int64(p.images), epilogue, scratch.base, threads)
    }
  }

  private func blockRunner(_ p: Problem, _ weights: [Float], _ planned: Int, _ input: Block<Float>) -> Runner {
    let base = p.layer
    var layer = pare_block_layer()
    (layer.groups, layer.channels, layer.outputs) = (base.groups, base.channels, base.outputs)
    (layer.height, layer.width) = (base.height, base.width)
    (layer.kernel_height, layer.kernel_width) = (base.kernel_height, base.kernel_width)
    (layer.stride_y, layer.stride_x) = (base.stride_y, base.stride_x)
    (layer.dilation_y, layer.dilation_x) = (base.dilation_y, base.dilation_x)
    (layer.pad_top, layer.pad_left) = (base.pad_top, base.pad_left)
    (layer.out_height, layer.out_width) = (base.out_height, base.out_width)
    pare_block_plan(&layer, Int32(planned))
    let count = Int(pare_block_pack(&layer, weights, nil, nil, nil))
    let begins = Block<Int64>(p.groups * ((p.outputs + 15) / 16) + 1, 0)
    let offsets = Block<UInt32>(count + 16, 0), values = Block<Float>(count * 16 + 16, 0)
    pare_block_pack(&layer, weights, begins.base, offsets.base, values.base)
    let scratch = Block<UInt8>(Int(pare_block_scratch(&layer, 3)) + 64, 0)
    let source = layer.blocked_source == 0 ? input : Self.blocked(input.base, p.images, p.groups * p.channels, p.size)
    return { output, epilogue, threads in
      var layer = layer, epilogue = epilogue.pointee
      guard layer.blocked_target != 0 else {
        return pare_block_convolution(
          &layer, begins.base, offsets.base, values.base, source.base, output, Int64(p.images), &epilogue, scratch.base, threads)
      }
      let channels = p.groups * p.outputs, result = Block<Float>(p.results + 3, .pi)
      let residual = epilogue.residual.map { Self.blocked($0, p.images, channels, p.out) }
      epilogue.residual = residual.map { UnsafePointer($0.base) }
      withExtendedLifetime(residual) {
        pare_block_convolution(
          &layer, begins.base, offsets.base, values.base, source.base, result.base, Int64(p.images), &epilogue, scratch.base, threads)
      }
      #expect(result.values.suffix(3) == [.pi, .pi, .pi], "\(p): wrote beyond the end")
      for index in 0..<p.results { output[index] = result.base[Self.place(index, channels, p.out)] }
    }
  }

  /// Where an element of planar images lies in images of blocks of 16 channels.
  private static func place(_ index: Int, _ channels: Int, _ size: (h: Int, w: Int)) -> Int {
    let area = size.h * size.w, plane = index / area
    return (plane - plane % channels % 16) * area + index % area * 16 + plane % channels % 16
  }

  private static func blocked(_ planar: UnsafePointer<Float>, _ images: Int, _ channels: Int, _ size: (h: Int, w: Int)) -> Block<Float> {
    let result = Block<Float>(images * channels * size.h * size.w, 0)
    for index in 0..<result.count { result.base[place(index, channels, size)] = planar[index] }
    return result
  }

  struct Packed {
    var begins: Block<Int64>, rows: Block<pare_sparse_row>, offsets: Block<UInt16>, values: Block<UInt32>

    init(_ layer: pare_sparse_layer, _ words: [UInt32], ignoring ignored: UInt32) {
      var layer = layer
      let count = Int(pare_sparse_pack(&layer, words, ignored, nil, nil, nil, nil))
      begins = Block(Int(layer.groups * layer.blocks * layer.parts) + 1, 0)
      rows = Block(Int(layer.groups * layer.blocks * layer.outputs), pare_sparse_row())
      offsets = Block(count + 16, 0)
      values = Block(count + 16, 0)
      pare_sparse_pack(&layer, words, ignored, begins.base, rows.base, offsets.base, values.base)
    }
  }

  /// A NaN stays one behind Relu, and touches only what it is part of.
  @Test func notANumberPasses() {
    var random = RandomSource(seed: 3)
    var p = Problem(&random)
    (p.images, p.groups, p.channels, p.outputs, p.size, p.kernel) = (1, 1, 2, 16, (5, 6), (1, 1))
    (p.stride, p.dilation, p.pad, p.end) = ((1, 1), (1, 1), (0, 0), (0, 0))
    let input = Block<Float>(p.inputs, 1)
    input.base[7] = .nan
    let weights = [Float](repeating: -1, count: p.weights)
    var epilogue = pare_sparse_epilogue(bias: nil, residual: nil, low: 0, high: .infinity)
    for run in [sparseRunner(p, weights, 1, 1, input), blockRunner(p, weights, 1, input)] {
      onEveryInstructionSet { _ in
        let output = Block<Float>(p.results, 5)
        run(output.base, &epilogue, 1)
        for (index, value) in output.values.enumerated() { #expect(value.isNaN == (index % 30 == 7) && (value.isNaN || value == 0)) }
      }
    }
  }

  @Test(arguments: 0..<10)
  func integerConvolution(_ seed: Int) throws {
    var random = RandomSource(seed: UInt64(200 + seed))
    let p = Problem(&random, quads: true)
    let taps = p.kernel.h * p.kernel.w, density = [0.2, 0.6, 0, 1][seed % 4]
    var weights = [Int8](repeating: 0, count: p.weights)
    for o in 0..<(p.groups * p.outputs) {
      for c in stride(from: 0, to: p.channels, by: 4) {
        for t in 0..<taps where random.uniform() < density {
          for k in 0..<4 { weights[(o * p.channels + c + k) * taps + t] = Int8(random.integer(below: 256) - 128) }
        }
      }
    }
    let zero = [0, 128, 7][seed % 3], isSigned = seed % 2 == 1
    // Planar order; the kernel's own is made below.
    let input = (0..<p.inputs).map { _ in UInt8(random.integer(below: 256)) }
    let residual = (0..<p.results).map { _ in UInt8(random.integer(below: 256)) }
    let outputs = p.groups * p.outputs, channels = p.groups * p.channels
    let shift = (0..<outputs).map { _ in Float(random.integer(below: 64)) }
    // Powers of two: every step on the way is exact.
    let scale = (0..<outputs).map { _ in Float([0x1p-9, 0x1p-10, 0x1p-8][random.integer(below: 3)]) }
    let hasResidual = seed % 3 == 1
    var exact = [Float](repeating: 0, count: p.results)
    p.forEachOutput { index, o, products in
      let sum = products.reduce(0) { $0 + (Int(input[$1.0]) - zero) * Int(weights[$1.1]) }
      exact[index] = Float(sum) * scale[o] + (hasResidual ? Float(residual[index]) * 0.5 : 0) + shift[o]
    }
    let corrections = (0..<outputs).map { o -> Int32 in
      let row = p.channels * taps
      return Int32(-zero * weights[o * row..<(o + 1) * row].reduce(0) { $0 + Int($1) })
    }

    /// Planar to channels-last.
    func turned(_ values: [UInt8], _ channels: Int, _ size: (h: Int, w: Int)) -> [UInt8] {
      var result = values
      let area = size.h * size.w
      for n in 0..<(values.count / channels / area) {
        for c in 0..<channels { for i in 0..<area { result[(n * area + i) * channels + c] = values[(n * channels + c) * area + i] } }
      }
      return result
    }
    var layer = p.layer
    layer.channels /= 4
    var words = [UInt32](repeating: 0, count: p.weights / 4)
    for (index, weight) in weights.enumerated() {
      let (o, rest) = index.quotientAndRemainder(dividingBy: p.channels * taps), (c, t) = rest.quotientAndRemainder(dividingBy: taps)
      words[(o * p.channels / 4 + c / 4) * taps + t] |= UInt32(UInt8(bitPattern: weight)) << UInt32(c % 4 * 8)
    }
    pare_sparse_plan(&layer, density, 2)
    let packed = Packed(layer, words, ignoring: 0)
    let scratch = Block<UInt8>(Int(pare_sparse_scratch(&layer, 2)), 0)
    let kept = (
      corrections: Block(corrections, or: 0), scales: Block(scale, or: 0), shifts: Block(shift, or: 0)
    )
    let flip: UInt8 = isSigned ? 128 : 0
    let source = Block(turned(input, channels, p.size).map { $0 ^ flip }, or: 0)
    let added = Block(turned(residual, outputs, p.out), or: 0)
    onEveryInstructionSet { level in
      for threads in [1, 2] {
        let planes = Block<UInt32>(p.inputs / 4, 0), addedPlanes = Block<UInt32>(p.results / 4, 0)
        pare_channels_to_quads(source.base, planes.base, p.images, p.size.h * p.size.w, channels, isSigned ? 1 : 0, Int32(threads))
        pare_channels_to_quads(added.base, addedPlanes.base, p.images, p.out.h * p.out.w, outputs, 0, Int32(threads))
        for toFloat in [false, true] where !(toFloat && hasResidual) {
          let result = Block<UInt32>(toFloat ? p.results : p.results / 4, 0)
          var epilogue = pare_integer_epilogue(
            corrections: kept.corrections.base, scales: kept.scales.base, shifts: kept.shifts.base, residual: hasResidual ? UnsafePointer(addedPlanes.base) : nil,
            residual_scale: 0.5, low: toFloat ? -.infinity : 3, high: toFloat ? .infinity : 250, as_float: toFloat ? 1 : 0)
          pare_sparse_convolution_i8(
            &layer, packed.begins.base, packed.rows.base, packed.offsets.base, packed.values.base, planes.base, result.base,
            Int64(p.images), UInt8(zero), &epilogue, scratch.base, Int32(threads))
          if toFloat {
            #expect(result.values.map(Float.init(bitPattern:)) == exact, "\(p) level \(level)")
          } else {
            let bytes = Block<UInt8>(p.results, 0)
            pare_quads_to_channels(result.base, bytes.base, p.images, p.out.h * p.out.w, outputs, isSigned ? 1 : 0, Int32(threads))
            let wanted = exact.map { UInt8(min(max($0, 3), 250).rounded(.toNearestOrEven)) ^ flip }
            #expect(bytes.values == turned(wanted, outputs, p.out), "\(p) level \(level)")
          }
        }
      }
    }
  }

  @Test(arguments: 0..<8)
  func sparseLinear(_ seed: Int) throws {
    var random = RandomSource(seed: UInt64(300 + seed))
    let outputs = 1 + random.integer(below: 60), inner = 1 + random.integer(below: 200), rows = 1 + random.integer(below: 9)
    let density = [0.1, 0.5, 0, 1][seed % 4]
    let weights = (0..<outputs * inner).map { _ in random.uniform() < density ? Self.number(&random) : 0 }
    let source = Block((0..<rows * inner).map { _ in Self.number(&random) }, or: 0)
    let bias = Block((0..<outputs).map { _ in Self.number(&random) }, or: 0)
    let residual = Block((0..<rows * outputs).map { _ in Self.number(&random) }, or: 0)
    let steps = Int(pare_sparse_linear_pack(weights, Int64(outputs), Int64(inner), nil, nil, nil, nil)), blocks = (outputs + 15) / 16
    let begins = Block<Int64>(blocks + 1, 0), targets = Block<Int32>(blocks * 16, 0)
    let columns = Block<UInt16>(steps * 16 + 16, 0), values = Block<Float>(steps * 16 + 16, 0)
    pare_sparse_linear_pack(weights, Int64(outputs), Int64(inner), begins.base, targets.base, columns.base, values.base)
    let expected = reference(rows, outputs, inner) { Double(weights[$0 * inner + $1]) }
    func reference(_ rows: Int, _ outputs: Int, _ inner: Int, _ weight: (Int, Int) -> Double) -> [Double] {
      (0..<rows * outputs).map { index in
        let (r, o) = index.quotientAndRemainder(dividingBy: outputs)
        let sum = (0..<inner).reduce(0) { $0 + weight(o, $1) * Double(source.base[r * inner + $1]) }
        return max(sum + Double(bias.base[o]) + Double(residual.base[index]), 0)
      }
    }
    var epilogue = pare_sparse_epilogue(bias: bias.base, residual: residual.base, low: 0, high: .infinity)
    onEveryInstructionSet { level in
      var first: [Float]?
      for threads in [1, 2, 5] {
        let output = Block<Float>(rows * outputs, .pi)
        pare_sparse_linear(
          Int64(rows), Int64(inner), Int64(outputs), begins.base, targets.base, columns.base, values.base, source.base,
          output.base, &epilogue, Int32(threads))
        let problem = Self.difference(output.values, expected, 1e-4)
        #expect(problem == nil, "\(rows)x\(inner)x\(outputs) level \(level): \(problem ?? "")")
        if let first { #expect(first == output.values) }
        first = output.values
      }
    }
  }

  @Test(arguments: [2, 4, 8], [32, 64, 0])
  func codedLinear(_ bits: Int, _ size: Int) throws {
    var random = RandomSource(seed: UInt64(400 + bits + size))
    for (outputs, inner, rows) in [(1, 1, 1), (33, 70, 1), (20, 128, 3), (17, 96, 6), (70, 40, 2)] {
      let group = size == 0 ? inner : size
      let groups = group >= inner ? 1 : (inner + group - 1) / group, hasOffsets = rows != 3
      let codes = (0..<outputs * inner).map { _ in UInt8(random.integer(below: 1 << bits)) }
      let table = (0..<1 << bits).map { _ in Self.number(&random) }
      let scales = (0..<outputs * groups).map { _ in Self.number(&random) }
      let offsets = (0..<outputs * groups).map { _ in Self.number(&random) }
      let source = Block((0..<rows * inner).map { _ in Self.number(&random) }, or: 0)
      var layer = pare_coded_layer(outputs: Int64(outputs), inner: Int64(inner), group: Int64(group), bits: Int32(bits))
      let packed = Block<UInt8>(Int(pare_coded_bytes(&layer)), 0)
      pare_coded_pack(&layer, codes, packed.base)
      let size = Int(pare_coded_scale_bytes(&layer)) / 4
      let packedScales = Block<Float>(size, 0), packedOffsets = Block<Float>(size, 0)
      pare_coded_pack_scales(&layer, scales, packedScales.base)
      pare_coded_pack_scales(&layer, offsets, packedOffsets.base)
      let expected = (0..<rows * outputs).map { index -> Double in
        let (r, o) = index.quotientAndRemainder(dividingBy: outputs)
        return (0..<inner).reduce(0) { sum, i in
          let place = o * groups + (groups == 1 ? 0 : i / group)
          let weight = Double(scales[place]) * Double(table[Int(codes[o * inner + i])]) + (hasOffsets ? Double(offsets[place]) : 0)
          return sum + weight * Double(source.base[r * inner + i])
        }
      }
      let scratch = Block<UInt8>(Int(pare_coded_scratch(&layer, Int64(rows))), 0)
      var epilogue = pare_sparse_epilogue(bias: nil, residual: nil, low: -.infinity, high: .infinity)
      let tables = Block(table, or: 0)
      onEveryInstructionSet { level in
        var first: [Float]?
        for threads in [1, 2, 3] {
          let output = Block<Float>(rows * outputs, .pi)
          pare_coded_linear(
            &layer, Int64(rows), packed.base, tables.base, packedScales.base, hasOffsets ? UnsafePointer(packedOffsets.base) : nil,
            source.base, output.base, &epilogue, scratch.base, Int32(threads))
          let problem = Self.difference(output.values, expected, 1e-4)
          #expect(problem == nil, "\(bits) bits \(rows)x\(inner)x\(outputs) level \(level): \(problem ?? "")")
          if let first { #expect(first == output.values) }
          first = output.values
        }
      }
    }
  }

  @Test(arguments: 0..<10)
  func binaryConvolution(_ seed: Int) throws {
    var random = RandomSource(seed: UInt64(500 + seed))
    var p = Problem(&random)
    p.groups = 1
    p.channels = [p.channels, 32, 64, 33][seed % 4]
    let weights = (0..<p.weights).map { _ in Self.number(&random) }
    let planar = (0..<p.inputs).map { _ in Self.number(&random) }
    let scales = Block((0..<p.outputs).map { _ in Float(1 + random.integer(below: 4)) }, or: 0)
    let base = p.layer, area = p.size.h * p.size.w, outArea = p.out.h * p.out.w
    let input = Block<Float>(p.inputs, 0)
    for n in 0..<p.images {
      for c in 0..<p.channels {
        for i in 0..<area { input.base[(n * area + i) * p.channels + c] = planar[(n * p.channels + c) * area + i] }
      }
    }
    var expected = [Float](repeating: 0, count: p.results)
    p.forEachOutput { index, o, products in
      let sum = products.reduce(0) { $0 + (planar[$1.0] >= 0 ? 1 : -1) * (weights[$1.1] >= 0 ? 1 : -1) }
      let (n, rest) = index.quotientAndRemainder(dividingBy: p.outputs * outArea)
      expected[(n * outArea + rest % outArea) * p.outputs + o] = Float(sum) * scales.base[o]
    }
    var layer = pare_binary_layer(
      channels: base.channels, outputs: base.outputs, height: base.height, width: base.width,
      kernel_height: base.kernel_height, kernel_width: base.kernel_width, stride_y: base.stride_y, stride_x: base.stride_x,
      dilation_y: base.dilation_y, dilation_x: base.dilation_x, pad_top: base.pad_top, pad_left: base.pad_left,
      out_height: base.out_height, out_width: base.out_width)
    let words = Block<UInt32>(Int(pare_binary_words(&layer)), 0), sums = Block<Int32>(Int(pare_binary_sums(&layer)), 0)
    pare_binary_pack(&layer, weights, words.base, sums.base)
    let scratch = Block<UInt8>(Int(pare_binary_scratch(&layer, Int64(p.images))), 0xff)
    var epilogue = pare_sparse_epilogue(bias: nil, residual: nil, low: -.infinity, high: .infinity)
    onEveryInstructionSet { level in
      for threads in [1, 2] {
        let output = Block<Float>(p.results, .pi)
        pare_binary_convolution(
          &layer, words.base, sums.base, scales.base, input.base, output.base, Int64(p.images), &epilogue, scratch.base,
          Int32(threads))
        #expect(output.values == expected, "\(p) level \(level)")
      }
    }
  }
}
