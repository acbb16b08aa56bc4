import CLAPACK

/// The processor's libraries and fast loops where they are, the reference elsewhere.
struct CPUBackend: Backend {
  let reference = ReferenceBackend()
  var name: String { "cpu" }

  func supports(_ op: BackendOperation, _ dtype: DType) -> Bool {
    switch op {
    case .matmul: dtype == .f32 || dtype == .f64
    case .elementwise, .reduction, .softmax: reference.supports(op, dtype)
    case .convolution, .maxPool, .averagePool, .batchNorm: dtype == .f32
    }
  }

  func unary(_ op: UnaryOperation, _ x: Tensor) throws -> Tensor { try reference.unary(op, x) }
  func clip(_ x: Tensor, _ lower: Double, _ upper: Double) throws -> Tensor { try reference.clip(x, lower, upper) }
  func binary(_ op: BinaryOperation, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor {
    try reference.binary(op, a, b, shape)
  }
  func binary(_ op: BinaryOperation, _ a: Tensor, number: Double, swapped: Bool) throws -> Tensor {
    try reference.binary(op, a, number: number, swapped: swapped)
  }
  func compare(_ op: Comparison, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor {
    try reference.compare(op, a, b, shape)
  }
  func compare(_ op: Comparison, _ a: Tensor, number: Double) throws -> Tensor {
    try reference.compare(op, a, number: number)
  }
  func select(_ condition: Tensor, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor {
    try reference.select(condition, a, b, shape)
  }
  func convert(_ x: Tensor, to dtype: DType) throws -> Tensor { try reference.convert(x, to: dtype) }
  func copy(_ x: Tensor, into target: Tensor) { reference.copy(x, into: target) }
  func reduce(_ op: Reduction, _ x: Tensor, axes: [Bool]) throws -> Tensor { try reference.reduce(op, x, axes: axes) }
  func argExtreme(_ x: Tensor, axis: Int, largest: Bool) throws -> Tensor {
    try reference.argExtreme(x, axis: axis, largest: largest)
  }
  func softmax(_ x: Tensor, axis: Int, log: Bool) throws -> Tensor { try reference.softmax(x, axis: axis, log: log) }
  func softmaxGradient(_ g: Tensor, output: Tensor, axis: Int, log: Bool) throws -> Tensor {
    try reference.softmaxGradient(g, output: output, axis: axis, log: log)
  }

  func matmul(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    guard supports(.matmul, a.dtype) else { return try reference.matmul(a, b) }
    return try BLAS.matmul(a, b)
  }
}
