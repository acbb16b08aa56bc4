extension ReferenceBackend {
  func compare(_ op: Comparison, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor {
    if a.dtype.isFloating {
      let holds: (Double, Double) -> Bool = relation(op)
      return try Tensor.mapped(a, b, shape, .bool) { $0.set($1, holds($2.number($3), $4.number($5)) ? 1.0 : 0) }
    }
    let holds: (Int64, Int64) -> Bool = relation(op)
    return try Tensor.mapped(a, b, shape, .bool) { $0.set($1, holds($2.whole($3), $4.whole($5)) ? 1.0 : 0) }
  }

  /// The number is compared as it is, also where the dtype cannot hold it.
  func compare(_ op: Comparison, _ a: Tensor, number: Double) throws -> Tensor {
    if a.dtype == .i64, let exact = Int64(exactly: number) {
      let holds: (Int64, Int64) -> Bool = relation(op)
      return try a.mapped(.bool) { $0.set($1, holds($2.whole($3), exact) ? 1.0 : 0) }
    }
    // No i64 equals it: beyond the type all lie on one side, and a fraction lies between numbers that f64 holds.
    let isWide = a.dtype == .i64
    let side = isWide && number >= 0x1p63 ? .infinity : isWide && number < -0x1p63 ? -.infinity : number
    let holds: (Double, Double) -> Bool = relation(op)
    return try a.mapped(.bool) { $0.set($1, holds($2.number($3), side) ? 1.0 : 0) }
  }

  private func relation<T: Comparable>(_ op: Comparison) -> (T, T) -> Bool {
    switch op {
    case .eq: { $0 == $1 }
    case .ne: { $0 != $1 }
    case .lt: { $0 < $1 }
    case .le: { $0 <= $1 }
    case .gt: { $0 > $1 }
    case .ge: { $0 >= $1 }
    }
  }

  func select(_ condition: Tensor, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor {
    let out = try Tensor.empty(shape, a.dtype, layout: Tensor.resultLayout(shape, a, b))
    let nest = LoopNest(
      shape, out.layout, condition.broadcastLayout(shape), a.broadcastLayout(shape), b.broadcastLayout(shape))
    let (r, m, p, q, size) = (out.address, condition.pointer(UInt8.self), a.address, b.address, a.dtype.size)
    let (s, t, u, v) = (nest.inner(0), nest.inner(1), nest.inner(2), nest.inner(3))
    try nest.forEachRow { n, o, i, j, l in
      for k in 0..<n {
        let source = m[i + k * t] != 0 ? p + (j + k * u) * size : q + (l + k * v) * size
        (r + (o + k * s) * size).copyMemory(from: source, byteCount: size)
      }
    }
    return out
  }
}
