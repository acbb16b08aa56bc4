import COneDNN
import Support

// The operation descriptors that Pare uses, from Swift values. `layouts` say which memory may be chosen by oneDNN.
extension PrimitiveDescriptor {
  package static func convolutionForward(
    _ geometry: ConvolutionGeometry, _ algorithm: dnnl_alg_kind_t = dnnl_convolution_direct, training: Bool,
    source: MemoryDescriptor, weights: MemoryDescriptor, bias: MemoryDescriptor, destination: MemoryDescriptor,
    attributes: Attributes = Attributes()
  ) throws -> PrimitiveDescriptor {
    var operation = dnnl_convolution_desc_t()
    let window = geometry.window
    var (source, weights, bias, destination) = (source.raw, weights.raw, bias.raw, destination.raw)
    try OneDNN.check(
      dnnl_dilated_convolution_forward_desc_init(
        &operation, training ? dnnl_forward_training : dnnl_forward_inference, algorithm, &source,
        &weights, &bias, &destination, window.steps, window.holes, window.begins, window.ends),
      "dnnl_dilated_convolution_forward_desc_init")
    return try PrimitiveDescriptor(operation, attributes: attributes)
  }

  package static func convolutionBackwardData(
    _ geometry: ConvolutionGeometry, _ algorithm: dnnl_alg_kind_t, source: MemoryDescriptor, weights: MemoryDescriptor,
    destination: MemoryDescriptor, hint: PrimitiveDescriptor
  ) throws -> PrimitiveDescriptor {
    var operation = dnnl_convolution_desc_t()
    let window = geometry.window
    var (source, weights, destination) = (source.raw, weights.raw, destination.raw)
    try OneDNN.check(
      dnnl_dilated_convolution_backward_data_desc_init(
        &operation, algorithm, &source, &weights, &destination, window.steps, window.holes,
        window.begins, window.ends),
      "dnnl_dilated_convolution_backward_data_desc_init")
    return try PrimitiveDescriptor(operation, hint: hint)
  }

  package static func convolutionBackwardWeights(
    _ geometry: ConvolutionGeometry, _ algorithm: dnnl_alg_kind_t, source: MemoryDescriptor, weights: MemoryDescriptor,
    bias: MemoryDescriptor, destination: MemoryDescriptor, hint: PrimitiveDescriptor
  ) throws -> PrimitiveDescriptor {
    var operation = dnnl_convolution_desc_t()
    let window = geometry.window
    var (source, weights, bias, destination) = (source.raw, weights.raw, bias.raw, destination.raw)
    try OneDNN.check(
      dnnl_dilated_convolution_backward_weights_desc_init(
        &operation, algorithm, &source, &weights, &bias, &destination, window.steps, window.holes,
        window.begins, window.ends),
      "dnnl_dilated_convolution_backward_weights_desc_init")
    return try PrimitiveDescriptor(operation, hint: hint)
  }

  package static func poolingForward(
    _ algorithm: dnnl_alg_kind_t, _ window: WindowGeometry, training: Bool, source: MemoryDescriptor,
    destination: MemoryDescriptor, attributes: Attributes = Attributes()
  ) throws -> PrimitiveDescriptor {
    var operation = dnnl_pooling_v2_desc_t()
    var (source, destination) = (source.raw, destination.raw)
    try OneDNN.check(
      dnnl_pooling_v2_forward_desc_init(
        &operation, training ? dnnl_forward_training : dnnl_forward_inference, algorithm, &source, &destination,
        window.steps, window.sizes, window.holes, window.begins, window.ends),
      "dnnl_pooling_v2_forward_desc_init")
    return try PrimitiveDescriptor(operation, attributes: attributes)
  }

  package static func poolingBackward(
    _ algorithm: dnnl_alg_kind_t, _ window: WindowGeometry, source: MemoryDescriptor, destination: MemoryDescriptor,
    hint: PrimitiveDescriptor
  ) throws -> PrimitiveDescriptor {
    var operation = dnnl_pooling_v2_desc_t()
    var (source, destination) = (source.raw, destination.raw)
    try OneDNN.check(
      dnnl_pooling_v2_backward_desc_init(
        &operation, algorithm, &source, &destination, window.steps, window.sizes, window.holes, window.begins,
        window.ends),
      "dnnl_pooling_v2_backward_desc_init")
    return try PrimitiveDescriptor(operation, hint: hint)
  }

  /// Batch normalization with scale and shift; statistics are computed and handed out when training.
  package static func batchNormalizationForward(
    source: MemoryDescriptor, epsilon: Float, training: Bool
  ) throws -> PrimitiveDescriptor {
    var operation = dnnl_batch_normalization_desc_t()
    var source = source.raw
    var flags = dnnl_use_scale.rawValue | dnnl_use_shift.rawValue
    if !training { flags |= dnnl_use_global_stats.rawValue }
    try OneDNN.check(
      dnnl_batch_normalization_forward_desc_init(
        &operation, training ? dnnl_forward_training : dnnl_forward_inference, &source, epsilon, flags),
      "dnnl_batch_normalization_forward_desc_init")
    return try PrimitiveDescriptor(operation)
  }

  package static func batchNormalizationBackward(
    gradient: MemoryDescriptor, source: MemoryDescriptor, epsilon: Float, hint: PrimitiveDescriptor
  ) throws -> PrimitiveDescriptor {
    var operation = dnnl_batch_normalization_desc_t()
    var (gradient, source) = (gradient.raw, source.raw)
    try OneDNN.check(
      dnnl_batch_normalization_backward_desc_init(
        &operation, dnnl_backward, &gradient, &source, epsilon, dnnl_use_scale.rawValue | dnnl_use_shift.rawValue),
      "dnnl_batch_normalization_backward_desc_init")
    return try PrimitiveDescriptor(operation, hint: hint)
  }

  /// `source [N, C, ...] x weights [O, C, ...]` to `[N, O]`.
  package static func innerProduct(
    source: MemoryDescriptor, weights: MemoryDescriptor, bias: MemoryDescriptor, destination: MemoryDescriptor,
    attributes: Attributes = Attributes()
  ) throws -> PrimitiveDescriptor {
    var operation = dnnl_inner_product_desc_t()
    var (source, weights, bias, destination) = (source.raw, weights.raw, bias.raw, destination.raw)
    try OneDNN.check(
      dnnl_inner_product_forward_desc_init(
        &operation, dnnl_forward_inference, &source, &weights, &bias, &destination),
      "dnnl_inner_product_forward_desc_init")
    return try PrimitiveDescriptor(operation, attributes: attributes)
  }

  package static func matmul(
    _ a: MemoryDescriptor, _ b: MemoryDescriptor, bias: MemoryDescriptor, _ result: MemoryDescriptor,
    attributes: Attributes = Attributes()
  ) throws -> PrimitiveDescriptor {
    var operation = dnnl_matmul_desc_t()
    var (a, b, bias, result) = (a.raw, b.raw, bias.raw, result.raw)
    try OneDNN.check(dnnl_matmul_desc_init(&operation, &a, &b, &bias, &result), "dnnl_matmul_desc_init")
    return try PrimitiveDescriptor(operation, attributes: attributes)
  }

  package static func eltwise(
    _ algorithm: dnnl_alg_kind_t, alpha: Float = 0, beta: Float = 0, _ data: MemoryDescriptor
  ) throws -> PrimitiveDescriptor {
    var operation = dnnl_eltwise_desc_t()
    var data = data.raw
    try OneDNN.check(
      dnnl_eltwise_forward_desc_init(&operation, dnnl_forward_inference, algorithm, &data, alpha, beta),
      "dnnl_eltwise_forward_desc_init")
    return try PrimitiveDescriptor(operation)
  }

  package static func binary(
    _ algorithm: dnnl_alg_kind_t, _ a: MemoryDescriptor, _ b: MemoryDescriptor, _ result: MemoryDescriptor,
    attributes: Attributes = Attributes()
  ) throws -> PrimitiveDescriptor {
    var operation = dnnl_binary_desc_t()
    var (a, b, result) = (a.raw, b.raw, result.raw)
    try OneDNN.check(dnnl_binary_desc_init(&operation, algorithm, &a, &b, &result), "dnnl_binary_desc_init")
    return try PrimitiveDescriptor(operation, attributes: attributes)
  }

  package static func softmax(_ data: MemoryDescriptor, axis: Int, log: Bool) throws -> PrimitiveDescriptor {
    var operation = dnnl_softmax_v2_desc_t()
    var (source, destination) = (data.raw, data.raw)
    try OneDNN.check(
      dnnl_softmax_v2_forward_desc_init(
        &operation, dnnl_forward_inference, log ? dnnl_softmax_log : dnnl_softmax_accurate, &source, &destination,
        Int32(axis)),
      "dnnl_softmax_v2_forward_desc_init")
    return try PrimitiveDescriptor(operation)
  }

  /// Joins `sources` along `axis`.
  package static func concat(
    _ sources: [MemoryDescriptor], axis: Int, _ result: MemoryDescriptor
  ) throws -> PrimitiveDescriptor {
    let engine = try OneDNN.engine().handle
    return try Attributes().withHandle { attributes in
      var created: dnnl_primitive_desc_t?
      var result = result.raw
      try OneDNN.check(
        dnnl_concat_primitive_desc_create(
          &created, &result, Int32(sources.count), Int32(axis), sources.map(\.raw), attributes, engine),
        "dnnl_concat_primitive_desc_create")
      guard let created else { throw PareError(.internal, "dnnl_concat_primitive_desc_create returned nothing") }
      return PrimitiveDescriptor(owning: created)
    }
  }
}
