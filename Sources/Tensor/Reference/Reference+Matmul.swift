extension ReferenceBackend {
  /// Sums are accumulated in f64, those of integers wrap.
  func matmul(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    switch a.dtype {
    case .f32: try product(a, b, Float.self, 0.0) { $0 + Double($1) * Double($2) } store: { Float($0) }
    case .f64: try product(a, b, Double.self, 0.0) { $0 + $1 * $2 } store: { $0 }
    case .f16, .bf16: try widened(a.dtype) { try matmul($0(a), $0(b)) }
    case .i8, .u8, .i16, .u16: try convert(matmul(convert(a, to: .i32), convert(b, to: .i32)), to: a.dtype)
    case .i32: try product(a, b, Int32.self, Int32(0)) { $0 &+ $1 &* $2 } store: { $0 }
    case .i64: try product(a, b, Int64.self, Int64(0)) { $0 &+ $1 &* $2 } store: { $0 }
    case .bool: throw ReferenceBackend.refusal("matmul", .bool, expected: "a number type")
    }
  }

  @inline(__always)
  private func product<T: Number, A>(
    _ a: Tensor, _ b: Tensor, _: T.Type, _ zero: A, _ step: (A, T, T) -> A, store: (A) -> T
  ) throws -> Tensor {
    let batches = try MatrixBatches(a, b)
    let out = try Tensor.empty(batches.shape, T.dtype)
    let rank = a.rank
    let (m, n, k) = (batches.m, batches.n, batches.k)
    let (ai, ak) = (a.layout[rank - 2], a.layout[rank - 1])
    let (bk, bj) = (b.layout[rank - 2], b.layout[rank - 1])
    let (p, q, r) = (a.pointer(T.self), b.pointer(T.self), out.pointer(T.self))
    for batch in 0..<batches.count {
      let (x, y) = batches.offsets(batch)
      try Compute.parallel(m, grain: max(1, LoopNest.grain / max(n * k, 1))) { rows in
        for i in rows {
          for j in 0..<n {
            var sum = zero
            for l in 0..<k { sum = step(sum, p[x + i * ai + l * ak], q[y + l * bk + j * bj]) }
            r[(batch * m + i) * n + j] = store(sum)
          }
        }
      }
    }
    return out
  }
}

/// The matrices of a batched product: leading axes broadcast against each other.
struct MatrixBatches {
  let shape: Shape
  let m: Int, n: Int, k: Int
  /// The number of products.
  let count: Int
  private let lead: Shape
  private let a: Dims, b: Dims

  init(_ a: Tensor, _ b: Tensor) throws {
    let rank = a.rank
    (m, k, n) = (a.shape.dims[rank - 2], a.shape.dims[rank - 1], b.shape.dims[rank - 1])
    var dims = a.shape.dims
    var (x, y) = (a.layout, b.layout)
    for i in 0..<(rank - 2) {
      let (p, q) = (a.shape.dims[i], b.shape.dims[i])
      dims[i] = p == 1 ? q : p
      if p == 1 { x[i] = 0 }
      if q == 1 { y[i] = 0 }
    }
    dims[rank - 1] = n
    shape = Shape(dims)
    try shape.validate()
    dims.rank = rank - 2
    lead = Shape(dims)
    count = lead.count
    (self.a, self.b) = (x, y)
  }

  /// Where the operands of product `index` begin.
  func offsets(_ index: Int) -> (Int, Int) {
    var rest = index
    var (x, y) = (0, 0)
    for i in stride(from: lead.rank - 1, through: 0, by: -1) {
      let position = rest % lead.dims[i]
      rest /= lead.dims[i]
      x += position * a[i]
      y += position * b[i]
    }
    return (x, y)
  }
}
