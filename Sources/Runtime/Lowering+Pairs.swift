import CKernels
import COneDNN
import Graph
import Support
import Tensor

/// Two products in a row as one step: the factors of a layer of low rank, the two layers of a transformer's MLP. What is
/// between them stays in the cache.
extension Lowering {
  struct ProductPair {
    var first: Product
    var second: Product
  }

  /// The two chains as one step, where nobody else reads what is between them and it pays.
  func pair(_ first: Chain, _ second: Chain) throws -> ProductPair? {
    guard !isNarrow, (first.layer.op == "Conv") == (second.layer.op == "Conv"),
      first.layer.op != "Conv" || images == .channelsLast,
      let a = try product(first), a.rest.isEmpty, a.residual == nil, let b = try product(second), a.outputs == b.inner,
      try runsDense(first), try runsDense(second)
    else { return nil }
    // Each thread needs some rows, and a row some work, for the calls of the halves to pay.
    guard a.rows == b.rows, a.rows >= 8 * options.threads, a.outputs * (a.inner + b.outputs) >= 4096 else { return nil }
    return ProductPair(first: a, second: b)
  }

  /// Whether no kernel for the representation of the weights takes the layer, by its input or by the input's signs.
  private func runsDense(_ chain: Chain) throws -> Bool {
    try !(representation(of: chain.layer) is BinaryRepresentation) && kernel(for: chain) == nil
  }

  func lower(_ pair: ProductPair) throws {
    let (a, b) = (pair.first, pair.second), node = b.head.layer
    let result = try makeValue(b.head.output)
    func place(_ name: String) throws -> Place {
      let value = try value(name)
      guard node.op == "Conv" else { return try rowMajor(value, for: node.name).place }
      return try form(value, try MemoryDescriptor.channelsLast(value.sizes, dnnl_f32), for: node.name).place
    }
    let source = try place(a.head.layer.inputs[0])
    let added = try b.residual.map { try place($0) }
    let weights = (try packedWeights(a), try packedWeights(b))
    let destination = Place.arena(newBuffer(result.count * 4))
    let scratch = Place.arena(newBuffer(pare_gemm_pair_scratch(a.outputs) * options.threads * 4))
    result.forms = [
      node.op == "Conv"
        ? Value.Form(layout: try MemoryDescriptor.channelsLast(result.sizes, dnnl_f32), place: destination)
        : try rowMajorForm(result, destination)
    ]
    let threads = Int32(clamping: options.threads)
    emit(
      "\(a.head.layer.name), \(node.name)", "\(a.head.label), \(b.head.label)", "panels in pairs" + note(for: a.head.layer) + note(for: node),
      touching: [source, destination, scratch] + [added].compactMap { $0 }, operations: a.operations + b.operations,
      weightBytes: a.weightBytes + b.weightBytes
    ) { base, _ in
      var task = pare_gemm_pair_task(
        x: source.floats(base), first: weights.0.base.assumingMemoryBound(to: Float.self),
        second: weights.1.base.assumingMemoryBound(to: Float.self), y: destination.floats(base), rows: a.rows, inner: a.inner,
        middle: a.outputs, outputs: b.outputs, then: a.epilogue(),
        last: b.epilogue(residual: added.map { UnsafePointer($0.floats(base)) }))
      pare_gemm_pair(&task, scratch.floats(base), threads)
    }
    values[b.head.output] = result
    for node in b.rest { try lower(node) }
  }
}
