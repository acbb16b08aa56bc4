import COneDNN
import Support

/// f32 pooling over channels-last activations.
package enum OneDNNPooling {
  package enum Kind: Hashable, Sendable {
    case max
    case average(countIncludePad: Bool)

    package var algorithm: dnnl_alg_kind_t {
      switch self {
      case .max: dnnl_pooling_max
      case .average(countIncludePad: true): dnnl_pooling_avg_include_padding
      case .average(countIncludePad: false): dnnl_pooling_avg_exclude_padding
      }
    }
  }

  private struct Key: Hashable {
    var kind: Kind
    var batch: Int
    var channels: Int
    var window: WindowGeometry
    var backward: Bool
    var training: Bool
    var threads: Int32
  }

  private static let cache = PrimitiveCache<Key, Primitive>()

  private static func primitive(
    _ kind: Kind, batch: Int, channels: Int, _ window: WindowGeometry, training: Bool, backward: Bool
  ) throws -> Primitive {
    let key = Key(
      kind: kind, batch: batch, channels: channels, window: window, backward: backward, training: training,
      threads: omp_get_max_threads())
    return try cache.value(for: key) {
      let source = try MemoryDescriptor.channelsLast([batch, channels] + window.input, dnnl_f32)
      let destination = try MemoryDescriptor.channelsLast([batch, channels] + window.output, dnnl_f32)
      let forward = try PrimitiveDescriptor.poolingForward(
        kind.algorithm, window, training: training, source: source, destination: destination)
      guard backward else { return try Primitive(forward) }
      return try Primitive(
        .poolingBackward(kind.algorithm, window, source: source, destination: destination, hint: forward))
    }
  }

  /// Bytes that `forward` writes to its workspace: where each maximum was, in oneDNN's own form. 0 for averages.
  package static func workspaceBytes(_ kind: Kind, batch: Int, channels: Int, _ window: WindowGeometry) throws -> Int {
    try primitive(kind, batch: batch, channels: channels, window, training: true, backward: false)
      .descriptor.workspace.bytes
  }

  /// - Parameter workspace: of `workspaceBytes`, when `backward` will follow; nil for inference.
  package static func forward(
    _ kind: Kind, batch: Int, channels: Int, _ window: WindowGeometry, source: UnsafeRawPointer,
    destination: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer? = nil
  ) throws {
    let primitive = try primitive(
      kind, batch: batch, channels: channels, window, training: workspace != nil, backward: false)
    let descriptor = primitive.descriptor
    try Scratch.with([descriptor.scratchpad.bytes]) { scratch in
      var arguments: [(Int32, Memory)] = [
        (DNNL_ARG_SRC, try Memory(descriptor.source, source)),
        (DNNL_ARG_DST, try Memory(descriptor.destination, destination)),
        (DNNL_ARG_SCRATCHPAD, try Memory(descriptor.scratchpad, scratch[0])),
      ]
      if let workspace { arguments.append((DNNL_ARG_WORKSPACE, try Memory(descriptor.workspace, workspace))) }
      try primitive.execute(arguments)
    }
  }

  /// Writes the gradient by the source; `workspace` is what `forward` wrote (nil for averages).
  package static func backward(
    _ kind: Kind, batch: Int, channels: Int, _ window: WindowGeometry, gradient: UnsafeRawPointer,
    workspace: UnsafeRawPointer?, sourceGradient: UnsafeMutableRawPointer
  ) throws {
    let primitive = try primitive(kind, batch: batch, channels: channels, window, training: true, backward: true)
    let descriptor = primitive.descriptor
    try Scratch.with([descriptor.scratchpad.bytes]) { scratch in
      var arguments: [(Int32, Memory)] = [
        (DNNL_ARG_DIFF_DST, try Memory(descriptor.layout(dnnl_query_diff_dst_md), gradient)),
        (DNNL_ARG_DIFF_SRC, try Memory(descriptor.layout(dnnl_query_diff_src_md), sourceGradient)),
        (DNNL_ARG_SCRATCHPAD, try Memory(descriptor.scratchpad, scratch[0])),
      ]
      if let workspace { arguments.append((DNNL_ARG_WORKSPACE, try Memory(descriptor.workspace, workspace))) }
      try primitive.execute(arguments)
    }
  }
}
