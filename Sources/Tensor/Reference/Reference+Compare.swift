extension ReferenceBackend {
  func compare(_ op: Comparison, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor {
    switch a.dtype {
    case .f32: return try compared(op, a, b, shape, Float.self)
    case .f64: return try compared(op, a, b, shape, Double.self)
    case .f16, .bf16: return try compare(op, convert(a, to: .f32), convert(b, to: .f32), shape)
    case .i8, .u8, .i16, .u16, .bool:
      return try compare(op, convert(a, to: .i32), convert(b, to: .i32), shape)
    case .i32: return try compared(op, a, b, shape, Int32.self)
    case .i64: return try compared(op, a, b, shape, Int64.self)
    }
  }

  private func compared<T: Number>(_ op: Comparison, _ a: Tensor, _ b: Tensor, _ shape: Shape, _: T.Type) throws -> Tensor {
    switch op {
    case .eq: return try Tensor.map2(a, b, shape, .bool) { (x: T, y: T) -> UInt8 in x == y ? 1 : 0 }
    case .ne: return try Tensor.map2(a, b, shape, .bool) { (x: T, y: T) -> UInt8 in x != y ? 1 : 0 }
    case .lt: return try Tensor.map2(a, b, shape, .bool) { (x: T, y: T) -> UInt8 in x < y ? 1 : 0 }
    case .le: return try Tensor.map2(a, b, shape, .bool) { (x: T, y: T) -> UInt8 in x <= y ? 1 : 0 }
    case .gt: return try Tensor.map2(a, b, shape, .bool) { (x: T, y: T) -> UInt8 in x > y ? 1 : 0 }
    case .ge: return try Tensor.map2(a, b, shape, .bool) { (x: T, y: T) -> UInt8 in x >= y ? 1 : 0 }
    }
  }

  /// Floats are compared in f64, so that a number that the dtype cannot hold is still compared as it is.
  func compare(_ op: Comparison, _ a: Tensor, number: Double) throws -> Tensor {
    switch a.dtype {
    case .f32: return try compared(op, a, Float.self) { Double($0) } to: { number }
    case .f64: return try compared(op, a, Double.self) { $0 } to: { number }
    case .f16, .bf16: return try compare(op, convert(a, to: .f32), number: number)
    case .i8, .u8, .i16, .u16, .bool: return try compare(op, convert(a, to: .i32), number: number)
    case .i32: return try compared(op, a, Int32.self) { Double($0) } to: { number }
    case .i64:
      guard let exact = Int64(exactly: number) else {
        // No i64 equals it: beyond the type all lie on one side, and a fraction lies between numbers that f64 holds.
        let side = number >= 0x1p63 ? .infinity : number < -0x1p63 ? -.infinity : number
        return try compared(op, a, Int64.self) { Double($0) } to: { side }
      }
      return try compared(op, a, Int64.self) { $0 } to: { exact }
    }
  }

  @inline(__always)
  private func compared<T: Number, C: Comparable>(
    _ op: Comparison, _ a: Tensor, _: T.Type, _ value: (T) -> C, to number: () -> C
  ) throws -> Tensor {
    let y = number()
    switch op {
    case .eq: return try Tensor.map1(a, .bool) { (x: T) -> UInt8 in value(x) == y ? 1 : 0 }
    case .ne: return try Tensor.map1(a, .bool) { (x: T) -> UInt8 in value(x) != y ? 1 : 0 }
    case .lt: return try Tensor.map1(a, .bool) { (x: T) -> UInt8 in value(x) < y ? 1 : 0 }
    case .le: return try Tensor.map1(a, .bool) { (x: T) -> UInt8 in value(x) <= y ? 1 : 0 }
    case .gt: return try Tensor.map1(a, .bool) { (x: T) -> UInt8 in value(x) > y ? 1 : 0 }
    case .ge: return try Tensor.map1(a, .bool) { (x: T) -> UInt8 in value(x) >= y ? 1 : 0 }
    }
  }

  func select(_ condition: Tensor, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor {
    switch a.dtype.size {
    case 1: try selected(condition, a, b, shape, UInt8.self)
    case 2: try selected(condition, a, b, shape, UInt16.self)
    case 4: try selected(condition, a, b, shape, UInt32.self)
    default: try selected(condition, a, b, shape, UInt64.self)
    }
  }

  private func selected<T: BitwiseCopyable>(_ c: Tensor, _ a: Tensor, _ b: Tensor, _ shape: Shape, _: T.Type) throws -> Tensor {
    let out = try Tensor.empty(shape, a.dtype, layout: Tensor.resultLayout(shape, a, b))
    let nest = LoopNest(
      shape, out.layout, c.broadcastLayout(shape), a.broadcastLayout(shape), b.broadcastLayout(shape))
    let (r, m, p, q) = (out.pointer(T.self), c.pointer(UInt8.self), a.pointer(T.self), b.pointer(T.self))
    let (s, t, u, v) = (nest.inner(0), nest.inner(1), nest.inner(2), nest.inner(3))
    nest.forEachRow { n, o, i, j, l in
      for k in 0..<n { r[o + k * s] = m[i + k * t] != 0 ? p[j + k * u] : q[l + k * v] }
    }
    return out
  }
}
