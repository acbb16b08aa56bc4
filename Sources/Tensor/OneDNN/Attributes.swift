import COneDNN
import Support

/// What a primitive does to its result before it stores it.
package enum PostOperation: Hashable, Sendable {
  /// Adds `scale` times (what the destination holds - `zeroPoint`), read as `type` when that is not the destination's.
  case sum(scale: Float, zeroPoint: Int32 = 0, type: UInt32? = nil)
  /// An element-wise function; `algorithm` is oneDNN's number.
  case eltwise(algorithm: UInt32, alpha: Float = 0, beta: Float = 0, scale: Float = 1)
  /// A binary operation with one more operand of the given layout, argument `DNNL_ARG_ATTR_MULTIPLE_POST_OP(i)`.
  case binary(algorithm: UInt32, operand: MemoryDescriptor)

  package static func == (a: PostOperation, b: PostOperation) -> Bool {
    switch (a, b) {
    case (.sum(let s, let z, let t), .sum(let s2, let z2, let t2)): s == s2 && z == z2 && t == t2
    case (.eltwise(let g, let x, let y, let s), .eltwise(let g2, let x2, let y2, let s2)):
      g == g2 && x == x2 && y == y2 && s == s2
    case (.binary(let g, let o), .binary(let g2, let o2)): g == g2 && o == o2
    default: false
    }
  }

  package func hash(into hasher: inout Hasher) {
    switch self {
    case .sum(let scale, let zeroPoint, _): hasher.combine(scale); hasher.combine(zeroPoint)
    case .eltwise(let algorithm, let alpha, let beta, let scale):
      hasher.combine(algorithm)
      hasher.combine(alpha)
      hasher.combine(beta)
      hasher.combine(scale)
    case .binary(let algorithm, _): hasher.combine(algorithm)
    }
  }
}

/// Attributes of a primitive as a value; scratch memory is always the caller's, so that a primitive may run on any thread.
package struct Attributes: Hashable, Sendable {
  package var postOperations: [PostOperation] = []
  /// Factors on the accumulated result: one, or one per output channel (axis 1).
  package var outputScales: [Float] = []
  /// Zero points by argument (`DNNL_ARG_SRC`, `DNNL_ARG_DST`), per tensor.
  package var zeroPoints: [Int32: Int32] = [:]

  package init() {}

  /// Builds the C object, hands it to `body` and frees it.
  func withHandle<R>(_ body: (dnnl_primitive_attr_t) throws -> R) throws -> R {
    var created: dnnl_primitive_attr_t?
    try OneDNN.check(dnnl_primitive_attr_create(&created), "dnnl_primitive_attr_create")
    guard let handle = created else { throw PareError(.internal, "dnnl_primitive_attr_create returned nothing") }
    defer { dnnl_primitive_attr_destroy(handle) }
    try OneDNN.check(
      dnnl_primitive_attr_set_scratchpad_mode(handle, dnnl_scratchpad_mode_user),
      "dnnl_primitive_attr_set_scratchpad_mode")
    if !outputScales.isEmpty {
      try OneDNN.check(
        dnnl_primitive_attr_set_output_scales(
          handle, Int64(outputScales.count), outputScales.count == 1 ? 0 : 1 << 1, outputScales),
        "dnnl_primitive_attr_set_output_scales")
    }
    for (argument, point) in zeroPoints.sorted(by: { $0.key < $1.key }) {
      try OneDNN.check(
        dnnl_primitive_attr_set_zero_points(handle, argument, 1, 0, [point]), "dnnl_primitive_attr_set_zero_points")
    }
    if !postOperations.isEmpty { try appendPostOperations(to: handle) }
    return try body(handle)
  }

  private func appendPostOperations(to handle: dnnl_primitive_attr_t) throws {
    var created: dnnl_post_ops_t?
    try OneDNN.check(dnnl_post_ops_create(&created), "dnnl_post_ops_create")
    guard let list = created else { throw PareError(.internal, "dnnl_post_ops_create returned nothing") }
    defer { dnnl_post_ops_destroy(list) }
    for operation in postOperations {
      switch operation {
      case .sum(let scale, let zeroPoint, let type):
        let type = type.map { dnnl_data_type_t($0) } ?? dnnl_data_type_undef
        try OneDNN.check(dnnl_post_ops_append_sum_v3(list, scale, zeroPoint, type), "dnnl_post_ops_append_sum_v3")
      case .eltwise(let algorithm, let alpha, let beta, let scale):
        try OneDNN.check(
          dnnl_post_ops_append_eltwise(list, scale, dnnl_alg_kind_t(algorithm), alpha, beta),
          "dnnl_post_ops_append_eltwise")
      case .binary(let algorithm, let operand):
        var raw = operand.raw
        try OneDNN.check(
          dnnl_post_ops_append_binary(list, dnnl_alg_kind_t(algorithm), &raw), "dnnl_post_ops_append_binary")
      }
    }
    try OneDNN.check(dnnl_primitive_attr_set_post_ops(handle, list), "dnnl_primitive_attr_set_post_ops")
  }
}
