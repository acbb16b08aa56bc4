import COneDNN
import Support

/// f32 batch normalization over channels-last activations `[N, C, H, W]`; per-channel vectors are `[C]`.
package enum OneDNNBatchNormalization {
  private struct Key: Hashable {
    var shape: [Int]
    var epsilon: Float
    var pass: Int
    var threads: Int32
  }

  private static let cache = PrimitiveCache<Key, Primitive>()
  private static let inference = 0
  private static let training = 1
  private static let gradient = 2

  private static func primitive(_ pass: Int, _ shape: [Int], _ epsilon: Float) throws -> Primitive {
    let key = Key(shape: shape, epsilon: epsilon, pass: pass, threads: omp_get_max_threads())
    return try cache.value(for: key) {
      let source = try MemoryDescriptor.channelsLast(shape, dnnl_f32)
      let forward = try PrimitiveDescriptor.batchNormalizationForward(
        source: source, epsilon: epsilon, training: pass != inference)
      guard pass == gradient else { return try Primitive(forward) }
      return try Primitive(
        .batchNormalizationBackward(gradient: source, source: source, epsilon: epsilon, hint: forward))
    }
  }

  /// - Parameter training: computes `mean` and (biased) `variance` of the batch and writes them; otherwise reads them.
  package static func forward(
    shape: [Int], epsilon: Float, training isTraining: Bool, source: UnsafeRawPointer, scale: UnsafeRawPointer,
    shift: UnsafeRawPointer, mean: UnsafeMutableRawPointer, variance: UnsafeMutableRawPointer,
    destination: UnsafeMutableRawPointer
  ) throws {
    let primitive = try primitive(isTraining ? training : inference, shape, epsilon)
    let descriptor = primitive.descriptor
    let vector = try MemoryDescriptor([shape[1]], dnnl_f32)
    try Scratch.with([descriptor.scratchpad.bytes]) { scratch in
      try primitive.execute([
        (DNNL_ARG_SRC, Memory(descriptor.source, source)), (DNNL_ARG_SCALE, Memory(vector, scale)),
        (DNNL_ARG_SHIFT, Memory(vector, shift)), (DNNL_ARG_MEAN, Memory(vector, mean)),
        (DNNL_ARG_VARIANCE, Memory(vector, variance)), (DNNL_ARG_DST, Memory(descriptor.destination, destination)),
        (DNNL_ARG_SCRATCHPAD, Memory(descriptor.scratchpad, scratch[0])),
      ])
    }
  }

  /// Writes the gradients by source, scale and shift of a training forward pass with these batch statistics.
  package static func backward(
    shape: [Int], epsilon: Float, source: UnsafeRawPointer, gradient outer: UnsafeRawPointer,
    scale: UnsafeRawPointer, mean: UnsafeRawPointer, variance: UnsafeRawPointer,
    sourceGradient: UnsafeMutableRawPointer, scaleGradient: UnsafeMutableRawPointer,
    shiftGradient: UnsafeMutableRawPointer
  ) throws {
    let primitive = try primitive(gradient, shape, epsilon)
    let descriptor = primitive.descriptor
    let vector = try MemoryDescriptor([shape[1]], dnnl_f32)
    let layout = try MemoryDescriptor.channelsLast(shape, dnnl_f32)
    try Scratch.with([descriptor.scratchpad.bytes]) { scratch in
      try primitive.execute([
        (DNNL_ARG_SRC, Memory(layout, source)), (DNNL_ARG_DIFF_DST, Memory(layout, outer)),
        // The shift is counted among the inputs although no gradient depends on it; any [C] will do.
        (DNNL_ARG_SCALE, Memory(vector, scale)), (DNNL_ARG_SHIFT, Memory(vector, scale)),
        (DNNL_ARG_MEAN, Memory(vector, mean)),
        (DNNL_ARG_VARIANCE, Memory(vector, variance)), (DNNL_ARG_DIFF_SRC, Memory(layout, sourceGradient)),
        (DNNL_ARG_DIFF_SCALE, Memory(vector, scaleGradient)), (DNNL_ARG_DIFF_SHIFT, Memory(vector, shiftGradient)),
        (DNNL_ARG_SCRATCHPAD, Memory(descriptor.scratchpad, scratch[0])),
      ])
    }
  }
}
