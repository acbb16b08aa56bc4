import CKernels
import COneDNN
import Graph
import Support
import Tensor

/// Convolutions and products in bf16, where the processor multiplies it: operands are rounded to 8 bits of precision, sums
/// are taken in f32. Results stay bf16 where only convolutions and pooling read them.
extension Lowering {
  /// Whether f32 layers are to run in bf16.
  var isNarrow: Bool { options.precision == .bf16 }

  /// Lowers a layer in bf16 with everything fused into it; returns false for integers and for what the library has no
  /// fused kernel for.
  func lowerNarrow(_ chain: Chain) throws -> Bool {
    guard isNarrow, quantizedLayer(chain.layer) == nil else { return false }
    do {
      return chain.layer.op == "Conv" ? try lowerNarrowConvolution(chain) : try lowerNarrowProduct(chain)
    } catch let error as PareError where error.code == .unsupported { return false }
  }

  private func lowerNarrowConvolution(_ chain: Chain) throws -> Bool {
    let node = chain.layer
    guard let input = types[node.inputs[0]]?.fixedShape, let output = types[node.outputs[0]]?.fixedShape,
      let kernel = types[node.inputs[1]]?.fixedShape
    else { return false }
    let geometry = try geometry(of: node, input: input, output: output, kernel: kernel)
    let given = try node.input(2).flatMap { try constant($0) }?.values(as: Float.self)
    let target = try MemoryDescriptor.channelsLast(geometry.destination, dnnl_bf16)
    var epilogue = try epilogue(chain, bias: given, unit: nil) { target }
    epilogue.type = dnnl_bf16
    let source = try MemoryDescriptor.channelsLast(geometry.source, dnnl_bf16)
    let bias = epilogue.bias == nil ? .none : try MemoryDescriptor([geometry.outputChannels], dnnl_f32)
    let descriptor = try PrimitiveDescriptor.convolutionForward(
      geometry, training: false, source: source, weights: .any(geometry.weights, dnnl_bf16), bias: bias, destination: target,
      attributes: epilogue.attributes)
    guard !descriptor.implementation.hasPrefix("ref"), !descriptor.implementation.hasPrefix("gemm") else { return false }
    let place = try narrowed(value(node.inputs[0]), source, for: node.name)
    let stored = try store.storage(
      weightsKey(chain) + "@bf16", in: descriptor.weights, from: MemoryDescriptor(geometry.weights, dnnl_f32)
    ) { try self.floatWeights(chain, outputAxis: 0) }
    try emitLayer(
      chain, descriptor, input: place, weights: (descriptor.weights, stored), epilogue, sizes: geometry.destination,
      operations: geometry.operations)
    return true
  }

  private func lowerNarrowProduct(_ chain: Chain) throws -> Bool {
    let node = chain.layer
    guard let weights = types[node.inputs[1]]?.fixedShape, weights.count == 2, let shape = types[node.inputs[0]]?.fixedShape
    else { return false }
    let axis = outputAxis(of: node)
    let outputs = weights[axis], inner = weights[1 - axis], rows = inner == 0 ? 0 : shape.reduce(1, *) / inner
    guard rows > 0, inner > 0, try node.op != "Gemm" || node.float("alpha", default: 1) == 1 else { return false }
    let target = try MemoryDescriptor([rows, outputs], dnnl_f32)
    let epilogue = try epilogue(chain, bias: bias(of: node, outputs: outputs), unit: nil) { target }
    let source = try MemoryDescriptor([rows, inner], dnnl_bf16)
    let bias = epilogue.bias == nil ? .none : try MemoryDescriptor([outputs], dnnl_f32)
    let descriptor = try PrimitiveDescriptor.innerProduct(
      source: source, weights: .any([outputs, inner], dnnl_bf16), bias: bias, destination: target,
      attributes: epilogue.attributes)
    guard !descriptor.implementation.hasPrefix("ref"), !descriptor.implementation.hasPrefix("gemm") else { return false }
    let x = try value(node.inputs[0])
    let place = try narrowed(x, MemoryDescriptor(x.sizes, dnnl_bf16), for: node.name)
    let plain = try MemoryDescriptor([outputs, inner], dnnl_f32, strides: axis == 1 ? [1, outputs] : [inner, 1])
    let stored = try store.storage(weightsKey(chain) + "@bf16", in: descriptor.weights, from: plain) {
      try self.floatWeights(chain, outputAxis: axis)
    }
    try emitLayer(
      chain, descriptor, input: Value.Form(layout: source, place: place.place), weights: (descriptor.weights, stored),
      epilogue, sizes: [rows, outputs], operations: rows * outputs * inner)
    return true
  }
}
