import CLAPACK

/// The processor's libraries and fast loops where they are, the reference elsewhere.
struct CPUBackend: Backend {
  let reference = ReferenceBackend()
  var name: String { "cpu" }

  func supports(_ op: BackendOperation, _ dtype: DType) -> Bool {
    switch op {
    case .matmul: dtype.isFloating
    case .elementwise, .reduction, .softmax: reference.supports(op, dtype)
    case .convolution, .maxPool, .averagePool: dtype == .f32 || dtype.isHalf
    case .batchNorm: dtype == .f32
    }
  }

  func matmul(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    guard supports(.matmul, a.dtype) else { return try reference.matmul(a, b) }
    guard a.dtype.isHalf else { return try BLAS.matmul(a, b) }
    return try computed(a.dtype) { try OneDNNMatmul.run(a, b) } widened: { try convert(BLAS.matmul(wide(a), wide(b)), to: a.dtype) }
  }
}
