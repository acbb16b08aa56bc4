import CKernels
import COneDNN
import Support

/// Products of bf16 matrices where the processor multiplies them: sums in f32, results rounded once.
enum OneDNNMatmul {
  private struct Key: Hashable {
    var m: Int, n: Int, k: Int
    var rows: [Int], columns: [Int]
    var threads: Int32
  }

  private static let cache = PrimitiveCache<Key, Primitive>()

  private static func unsupported(_ why: String) -> PareError {
    PareError(.unsupported, "oneDNN has no fast product of bf16 for \(why)", op: "matmul")
  }

  /// - Shapes: [.., m, k] and [.., k, n] of bf16 to [.., m, n]; leading axes broadcast.
  /// - Throws: `unsupported` where there is no fast kernel, or the product is too small to be worth one.
  static func run(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    let (x, y) = (try BLAS.Operand(a), try BLAS.Operand(b))
    let batches = try MatrixBatches(x.tensor, y.tensor)
    let (m, n, k) = (batches.m, batches.n, batches.k)
    guard m * n * k >= 1 << 18 else { throw unsupported("small matrices") }
    Compute.prepareLibraries()
    let (rows, columns) = (strides(x), strides(y))
    let key = Key(m: m, n: n, k: k, rows: rows, columns: columns, threads: omp_get_max_threads())
    let primitive = try cache.value(for: key) {
      let descriptor = try PrimitiveDescriptor.matmul(
        MemoryDescriptor([m, k], dnnl_bf16, strides: rows), MemoryDescriptor([k, n], dnnl_bf16, strides: columns), bias: .none,
        MemoryDescriptor([m, n], dnnl_bf16))
      guard !descriptor.implementation.hasPrefix("ref") else { throw unsupported("these layouts") }
      return try Primitive(descriptor)
    }
    let descriptor = primitive.descriptor, scratchpad = descriptor.scratchpad
    let out = try Tensor.empty(batches.shape, .bf16)
    try Scratch.with([scratchpad.bytes]) { scratch in
      for batch in 0..<batches.count {
        let (i, j) = batches.offsets(batch)
        try primitive.execute([
          (DNNL_ARG_SRC, try Memory(descriptor.source, UnsafeRawPointer(x.tensor.address + 2 * i))),
          (DNNL_ARG_WEIGHTS, try Memory(descriptor.weights, UnsafeRawPointer(y.tensor.address + 2 * j))),
          (DNNL_ARG_DST, try Memory(descriptor.destination, UnsafeRawPointer(out.address + 2 * batch * m * n))),
          (DNNL_ARG_SCRATCHPAD, try Memory(scratchpad, scratch[0])),
        ])
      }
    }
    withExtendedLifetime((x.tensor, y.tensor)) {}
    return out
  }

  private static func strides(_ x: BLAS.Operand) -> [Int] { x.transposed ? [1, Int(x.leading)] : [Int(x.leading), 1] }
}
