import CKernels
import COneDNN
import Support

/// Convolution for training, of f32 or bf16: activations channels-last, weights `[out, in/groups, kh, kw]` row-major. Biases
/// and the gradients of weights and biases are f32 in both, as are the sums.
///
/// Primitives are cached by geometry and team size; operands are brought to the implementation's layout in each call,
/// which costs little beside the convolution and cannot be stale.
package enum OneDNNConvolution {
  private enum Pass: Hashable { case forward, data, weights }

  private struct Key: Hashable {
    var pass: Pass
    var geometry: ConvolutionGeometry
    var isNarrow: Bool
    var bias: Bool
    var relu: Bool
    var threads: Int32
  }

  /// A primitive and how its operands come from, and go back to, the layouts of the caller.
  private struct Kernel: Sendable {
    var primitive: Primitive
    var source: OperandLayout
    var weights: OperandLayout
    var destination: OperandLayout
    var bias: MemoryDescriptor
    var scratchpad: MemoryDescriptor

    /// Bytes of its copies of the operands and of its own memory.
    var scratch: [Int] { [source.bytes, weights.bytes, destination.bytes, scratchpad.bytes] }
  }

  /// Beyond this much scratch memory the images of a batch go through in parts: Winograd's transforms take several times
  /// the activations.
  private static let mostScratch = 48 << 20

  private static let cache = PrimitiveCache<Key, Kernel>()

  private static func kernel(
    _ pass: Pass, _ geometry: ConvolutionGeometry, narrow: Bool, bias: Bool, relu: Bool = false
  ) throws -> Kernel {
    let key = Key(pass: pass, geometry: geometry, isNarrow: narrow, bias: bias, relu: relu, threads: omp_get_max_threads())
    return try cache.value(for: key) {
      if geometry.suitsWinograd, !narrow {
        do { return try make(pass, geometry, narrow: false, bias: bias, relu: relu, winograd: true) } catch let error as PareError
        where error.code == .unsupported {
          // The direct form does every geometry.
        }
      }
      return try make(pass, geometry, narrow: narrow, bias: bias, relu: relu, winograd: false)
    }
  }

  /// Calls `body` for the parts of the batch in turn, with their kernels and where they begin in source and destination.
  private static func eachPart(
    _ pass: Pass, _ geometry: ConvolutionGeometry, narrow: Bool, bias: Bool, relu: Bool = false,
    _ body: (_ kernel: Kernel, _ source: Int, _ destination: Int) throws -> Void
  ) throws {
    let whole = try kernel(pass, geometry, narrow: narrow, bias: bias, relu: relu)
    let scratch = whole.scratch.reduce(0, +)
    let count = min(geometry.batch, (scratch + mostScratch - 1) / mostScratch)
    guard count > 1 else { return try body(whole, 0, 0) }
    let size = narrow ? 2 : 4
    let (sourceImage, destinationImage) = (
      size * geometry.source.dropFirst().reduce(1, *), size * geometry.destination.dropFirst().reduce(1, *)
    )
    var first = 0
    for part in 0..<count {
      var some = geometry
      some.batch = geometry.batch / count + (part < geometry.batch % count ? 1 : 0)
      try body(kernel(pass, some, narrow: narrow, bias: bias, relu: relu), first * sourceImage, first * destinationImage)
      first += some.batch
    }
  }

  private static func make(
    _ pass: Pass, _ geometry: ConvolutionGeometry, narrow: Bool, bias: Bool, relu: Bool, winograd: Bool
  ) throws -> Kernel {
    let type = narrow ? dnnl_bf16 : dnnl_f32, weightsType = pass == .weights ? dnnl_f32 : type
    let algorithm = winograd ? dnnl_convolution_winograd : dnnl_convolution_direct
    let plainSource = try MemoryDescriptor.channelsLast(geometry.source, type)
    let plainDestination = try MemoryDescriptor.channelsLast(geometry.destination, type)
    let plainWeights = try MemoryDescriptor(geometry.weights, weightsType)
    let source = winograd ? try .any(geometry.source, type) : plainSource
    let destination = winograd ? try .any(geometry.destination, type) : plainDestination
    let weights = try MemoryDescriptor.any(geometry.weights, weightsType)
    let biasLayout = bias ? try MemoryDescriptor([geometry.outputChannels], dnnl_f32) : .none
    var attributes = Attributes()
    if relu { attributes.postOperations = [.eltwise(algorithm: dnnl_eltwise_relu.rawValue)] }
    // The hint of backward passes has weights of the activations' type.
    let forward = try PrimitiveDescriptor.convolutionForward(
      geometry, algorithm, training: true, source: source, weights: .any(geometry.weights, type), bias: biasLayout,
      destination: destination, attributes: attributes)
    let chosen: PrimitiveDescriptor
    let used: (source: MemoryDescriptor, weights: MemoryDescriptor, destination: MemoryDescriptor)
    switch pass {
    case .forward:
      chosen = forward
      used = (chosen.source, chosen.weights, chosen.destination)
    case .data:
      chosen = try .convolutionBackwardData(
        geometry, algorithm, source: source, weights: weights, destination: destination, hint: forward)
      used = (chosen.layout(dnnl_query_diff_src_md), chosen.weights, chosen.layout(dnnl_query_diff_dst_md))
    case .weights:
      chosen = try .convolutionBackwardWeights(
        geometry, algorithm, source: source, weights: weights, bias: biasLayout, destination: destination, hint: forward)
      used = (chosen.source, chosen.layout(dnnl_query_diff_weights_md), chosen.layout(dnnl_query_diff_dst_md))
    }
    // What oneDNN has no code for it computes element by element: f32 is faster.
    if narrow, chosen.implementation.hasPrefix("ref") {
      throw PareError(.unsupported, "oneDNN has no fast convolution of bf16 for these sizes", op: "conv")
    }
    return Kernel(
      primitive: try Primitive(chosen),
      source: try OperandLayout(plain: plainSource, used: used.source, isResult: pass == .data),
      weights: try OperandLayout(plain: plainWeights, used: used.weights, isResult: pass == .weights),
      destination: try OperandLayout(plain: plainDestination, used: used.destination, isResult: pass == .forward),
      bias: biasLayout, scratchpad: chosen.scratchpad)
  }

  /// Writes `source * weights + bias`, with negative values made 0 where `relu` is set, to `destination`.
  /// - Throws: `unsupported` where there is no fast kernel for bf16 (`narrow`).
  package static func forward(
    _ geometry: ConvolutionGeometry, source: UnsafeRawPointer, weights: UnsafeRawPointer, bias: UnsafeRawPointer?,
    destination: UnsafeMutableRawPointer, narrow: Bool = false, relu: Bool = false
  ) throws {
    try eachPart(.forward, geometry, narrow: narrow, bias: bias != nil, relu: relu) { kernel, from, to in
      try run(
        kernel, source: source + from, weights: weights, destination: UnsafeRawPointer(destination + to), bias: bias,
        (DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS))
    }
  }

  /// Writes the gradient of the loss by the source to `sourceGradient`.
  package static func backwardData(
    _ geometry: ConvolutionGeometry, gradient: UnsafeRawPointer, weights: UnsafeRawPointer,
    sourceGradient: UnsafeMutableRawPointer, narrow: Bool = false
  ) throws {
    try eachPart(.data, geometry, narrow: narrow, bias: false) { kernel, to, from in
      try run(
        kernel, source: UnsafeRawPointer(sourceGradient + to), weights: weights, destination: gradient + from, bias: nil,
        (DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST, 0))
    }
  }

  /// Writes the gradient by the weights (row-major) and, where asked, by the bias. Parts of a batch are added in order.
  package static func backwardWeights(
    _ geometry: ConvolutionGeometry, source: UnsafeRawPointer, gradient: UnsafeRawPointer,
    weightsGradient: UnsafeMutableRawPointer, biasGradient: UnsafeMutableRawPointer?, narrow: Bool = false
  ) throws {
    let weightCount = geometry.weights.reduce(1, *), biasCount = biasGradient == nil ? 0 : geometry.outputChannels
    func run(_ kernel: Kernel, _ from: Int, _ at: Int, _ weights: UnsafeMutableRawPointer, _ bias: UnsafeMutableRawPointer?) throws {
      try Self.run(
        kernel, source: source + from, weights: UnsafeRawPointer(weights), destination: gradient + at,
        bias: bias.map { UnsafeRawPointer($0) },
        (DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_BIAS))
    }
    var isFirst = true
    try eachPart(.weights, geometry, narrow: narrow, bias: biasGradient != nil) { kernel, from, at in
      defer { isFirst = false }
      guard !isFirst else { return try run(kernel, from, at, weightsGradient, biasGradient) }
      let part = try Storage(byteCount: MemoryLayout<Float>.stride * (weightCount + biasCount))
      try withExtendedLifetime(part) {
        let values = part.base.assumingMemoryBound(to: Float.self)
        try run(kernel, from, at, part.base, biasGradient.map { _ in UnsafeMutableRawPointer(values + weightCount) })
        let sum = weightsGradient.assumingMemoryBound(to: Float.self)
        for i in 0..<weightCount { sum[i] += values[i] }
        guard let biasSum = biasGradient?.assumingMemoryBound(to: Float.self) else { return }
        for i in 0..<biasCount { biasSum[i] += values[weightCount + i] }
      }
    }
  }

  /// Brings the operands to the primitive's layouts, runs it, and brings its result back.
  private static func run(
    _ kernel: Kernel, source: UnsafeRawPointer, weights: UnsafeRawPointer, destination: UnsafeRawPointer,
    bias: UnsafeRawPointer?, _ arguments: (source: Int32, weights: Int32, destination: Int32, bias: Int32)
  ) throws {
    let operands = [(kernel.source, source), (kernel.weights, weights), (kernel.destination, destination)]
    try Scratch.with(kernel.scratch) { scratch in
      for (index, (layout, pointer)) in operands.enumerated() { try layout.bring(pointer, to: scratch[index]) }
      func memory(_ index: Int) throws -> Memory {
        try Memory(operands[index].0.used, scratch[index].map { UnsafeRawPointer($0) } ?? operands[index].1)
      }
      var list: [(Int32, Memory)] = [
        (arguments.source, try memory(0)), (arguments.weights, try memory(1)), (arguments.destination, try memory(2)),
        (DNNL_ARG_SCRATCHPAD, try Memory(kernel.scratchpad, scratch[3])),
      ]
      if let bias { list.append((arguments.bias, try Memory(kernel.bias, bias))) }
      try kernel.primitive.execute(list)
      for (index, (layout, pointer)) in operands.enumerated() { try layout.bringBack(scratch[index], to: pointer) }
    }
  }
}

/// How one operand of a primitive lies with the caller and with the primitive, and how it gets from one to the other.
private struct OperandLayout: Sendable {
  private enum Conversion: Sendable {
    case none
    /// Channels-last and blocks of 16 channels.
    case blocks(images: Int, positions: Int, channels: Int)
    case reorder(Primitive)
  }

  let plain: MemoryDescriptor
  let used: MemoryDescriptor
  private let isResult: Bool
  private let conversion: Conversion

  init(plain: MemoryDescriptor, used: MemoryDescriptor, isResult: Bool) throws {
    (self.plain, self.used, self.isResult) = (plain, used, isResult)
    let sizes = plain.dimensions
    if used == plain {
      conversion = .none
    } else if sizes.count == 4, sizes[1] % 16 == 0, try used == .channelBlocks(sizes, dnnl_f32) {
      conversion = .blocks(images: sizes[0], positions: sizes[2] * sizes[3], channels: sizes[1])
    } else {
      conversion = .reorder(try Primitive(isResult ? .reorder(from: used, to: plain) : .reorder(from: plain, to: used)))
    }
  }

  /// Bytes of a copy in the primitive's layout; 0 where the caller's will do.
  var bytes: Int {
    if case .none = conversion { 0 } else { used.bytes }
  }

  func bring(_ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer?) throws {
    guard !isResult, let target else { return }
    switch conversion {
    case .none: return
    case .blocks(let images, let positions, let channels):
      pare_block_channels(
        source.assumingMemoryBound(to: Float.self), target.assumingMemoryBound(to: Float.self), images, positions,
        channels, Int32(truncatingIfNeeded: Compute.threads))
    case .reorder(let primitive):
      try reorder(primitive, Memory(plain, source), Memory(used, target))
    }
  }

  func bringBack(_ source: UnsafeMutableRawPointer?, to target: UnsafeRawPointer) throws {
    guard isResult, let source else { return }
    let target = UnsafeMutableRawPointer(mutating: target)
    switch conversion {
    case .none: return
    case .blocks(let images, let positions, let channels):
      pare_unblock_channels(
        source.assumingMemoryBound(to: Float.self), target.assumingMemoryBound(to: Float.self), images, positions,
        channels, Int32(truncatingIfNeeded: Compute.threads))
    case .reorder(let primitive):
      try reorder(primitive, Memory(used, source), Memory(plain, target))
    }
  }

  private func reorder(_ primitive: Primitive, _ source: Memory, _ target: Memory) throws {
    let scratchpad = primitive.descriptor.scratchpad
    try Scratch.with([scratchpad.bytes]) { scratch in
      try primitive.execute([
        (DNNL_ARG_FROM, source), (DNNL_ARG_TO, target), (DNNL_ARG_SCRATCHPAD, try Memory(scratchpad, scratch[0])),
      ])
    }
  }
}

extension ConvolutionGeometry {
  /// Where Winograd's F(4x4, 3x3) (Lavin and Gray 2016, arXiv:1509.09308) takes about half the time of the direct form:
  /// 3x3 windows without steps or holes, enough channels, enough positions. It rounds otherwise than the direct form;
  /// tests hold result and gradients within 1e-4 of the largest value of the f64 reference. Its code takes the padding of one side for all
  /// four: with another padding the values are wrong (seen with 2.6.3).
  fileprivate var suitsWinograd: Bool {
    window.kernel == [3, 3] && window.strides == [1, 1] && window.dilations == [1, 1] && groups == 1
      && inputChannels >= 32 && outputChannels >= 32 && inputChannels % 16 == 0 && outputChannels % 16 == 0
      && window.padding.begin[0] == window.padding.begin[1] && window.padding.begin == window.padding.end
      && batch * window.output[0] * window.output[1] >= 1024
  }
}
