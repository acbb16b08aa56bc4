import COneDNN
import Support

/// f32 convolution for training: activations channels-last, weights `[out, in/groups, kh, kw]` row-major.
///
/// Primitives are cached by geometry and team size; weights are reordered to the implementation's layout in each call,
/// which costs little beside the convolution and cannot be stale.
package enum OneDNNConvolution {
  private enum Pass: Hashable { case forward, data, weights }

  private struct Key: Hashable {
    var pass: Pass
    var geometry: ConvolutionGeometry
    var bias: Bool
    var threads: Int32
  }

  /// A primitive and the reorder of its weights (or of their gradient); nil where layouts agree.
  private struct Kernel: Sendable {
    var primitive: Primitive
    var reorder: Primitive?
    var weights: MemoryDescriptor
    var plain: MemoryDescriptor
  }

  private static let cache = PrimitiveCache<Key, Kernel>()

  private static func kernel(_ pass: Pass, _ geometry: ConvolutionGeometry, bias: Bool) throws -> Kernel {
    let key = Key(pass: pass, geometry: geometry, bias: bias, threads: omp_get_max_threads())
    return try cache.value(for: key) {
      let source = try MemoryDescriptor.channelsLast(geometry.source, dnnl_f32)
      let destination = try MemoryDescriptor.channelsLast(geometry.destination, dnnl_f32)
      let plain = try MemoryDescriptor(geometry.weights, dnnl_f32)
      let any = try MemoryDescriptor.any(geometry.weights, dnnl_f32)
      let biasLayout = bias ? try MemoryDescriptor([geometry.outputChannels], dnnl_f32) : .none
      let forward = try PrimitiveDescriptor.convolutionForward(
        geometry, training: true, source: source, weights: any, bias: biasLayout, destination: destination)
      let chosen: PrimitiveDescriptor
      let weights: MemoryDescriptor
      switch pass {
      case .forward:
        chosen = forward
        weights = forward.weights
      case .data:
        chosen = try .convolutionBackwardData(
          geometry, source: source, weights: any, destination: destination, hint: forward)
        weights = chosen.weights
      case .weights:
        chosen = try .convolutionBackwardWeights(
          geometry, source: source, weights: any, bias: biasLayout, destination: destination, hint: forward)
        weights = chosen.layout(dnnl_query_diff_weights_md)
      }
      var reorder: Primitive?
      if weights != plain {
        reorder = try Primitive(
          pass == .weights ? .reorder(from: weights, to: plain) : .reorder(from: plain, to: weights))
      }
      return Kernel(primitive: try Primitive(chosen), reorder: reorder, weights: weights, plain: plain)
    }
  }

  /// Writes `source * weights + bias` to `destination`.
  package static func forward(
    _ geometry: ConvolutionGeometry, source: UnsafeRawPointer, weights: UnsafeRawPointer, bias: UnsafeRawPointer?,
    destination: UnsafeMutableRawPointer
  ) throws {
    let kernel = try kernel(.forward, geometry, bias: bias != nil)
    let descriptor = kernel.primitive.descriptor
    try withWeights(kernel, weights) { weights, scratch in
      var arguments: [(Int32, Memory)] = [
        (DNNL_ARG_SRC, try Memory(descriptor.source, source)), (DNNL_ARG_WEIGHTS, weights),
        (DNNL_ARG_DST, try Memory(descriptor.destination, destination)), (DNNL_ARG_SCRATCHPAD, scratch),
      ]
      if let bias { arguments.append((DNNL_ARG_BIAS, try Memory(descriptor.layout(dnnl_query_weights_md, 1), bias))) }
      try kernel.primitive.execute(arguments)
    }
  }

  /// Writes the gradient of the loss by the source to `sourceGradient`.
  package static func backwardData(
    _ geometry: ConvolutionGeometry, gradient: UnsafeRawPointer, weights: UnsafeRawPointer,
    sourceGradient: UnsafeMutableRawPointer
  ) throws {
    let kernel = try kernel(.data, geometry, bias: false)
    let descriptor = kernel.primitive.descriptor
    try withWeights(kernel, weights) { weights, scratch in
      try kernel.primitive.execute([
        (DNNL_ARG_DIFF_DST, try Memory(descriptor.layout(dnnl_query_diff_dst_md), gradient)),
        (DNNL_ARG_WEIGHTS, weights),
        (DNNL_ARG_DIFF_SRC, try Memory(descriptor.layout(dnnl_query_diff_src_md), sourceGradient)),
        (DNNL_ARG_SCRATCHPAD, scratch),
      ])
    }
  }

  /// Writes the gradient by the weights (row-major) and, where asked, by the bias.
  package static func backwardWeights(
    _ geometry: ConvolutionGeometry, source: UnsafeRawPointer, gradient: UnsafeRawPointer,
    weightsGradient: UnsafeMutableRawPointer, biasGradient: UnsafeMutableRawPointer?
  ) throws {
    let kernel = try kernel(.weights, geometry, bias: biasGradient != nil)
    let descriptor = kernel.primitive.descriptor
    let sizes = [
      descriptor.scratchpad.bytes, kernel.reorder?.descriptor.scratchpad.bytes ?? 0,
      kernel.reorder == nil ? 0 : kernel.weights.bytes,
    ]
    try Scratch.with(sizes) { scratch in
      let weights = try Memory(kernel.weights, scratch[2] ?? weightsGradient)
      var arguments: [(Int32, Memory)] = [
        (DNNL_ARG_SRC, try Memory(descriptor.source, source)),
        (DNNL_ARG_DIFF_DST, try Memory(descriptor.layout(dnnl_query_diff_dst_md), gradient)),
        (DNNL_ARG_DIFF_WEIGHTS, weights), (DNNL_ARG_SCRATCHPAD, try Memory(descriptor.scratchpad, scratch[0])),
      ]
      if let biasGradient {
        let layout = descriptor.layout(dnnl_query_diff_weights_md, 1)
        arguments.append((DNNL_ARG_DIFF_BIAS, try Memory(layout, biasGradient)))
      }
      try kernel.primitive.execute(arguments)
      if let reorder = kernel.reorder {
        try reorder.execute([
          (DNNL_ARG_FROM, weights), (DNNL_ARG_TO, try Memory(kernel.plain, weightsGradient)),
          (DNNL_ARG_SCRATCHPAD, try Memory(reorder.descriptor.scratchpad, scratch[1])),
        ])
      }
    }
  }

  /// Hands `body` the weights in the implementation's layout and the scratch pad.
  private static func withWeights(
    _ kernel: Kernel, _ weights: UnsafeRawPointer, _ body: (_ weights: Memory, _ scratch: Memory) throws -> Void
  ) throws {
    let scratchpad = kernel.primitive.descriptor.scratchpad
    guard let reorder = kernel.reorder else {
      return try Scratch.with([scratchpad.bytes]) { scratch in
        try body(Memory(kernel.plain, weights), Memory(scratchpad, scratch[0]))
      }
    }
    let sizes = [scratchpad.bytes, reorder.descriptor.scratchpad.bytes, kernel.weights.bytes]
    try Scratch.with(sizes) { scratch in
      let reordered = try Memory(kernel.weights, scratch[2])
      try reorder.execute([
        (DNNL_ARG_FROM, try Memory(kernel.plain, weights)), (DNNL_ARG_TO, reordered),
        (DNNL_ARG_SCRATCHPAD, try Memory(reorder.descriptor.scratchpad, scratch[1])),
      ])
      try body(reordered, Memory(scratchpad, scratch[0]))
    }
  }
}
