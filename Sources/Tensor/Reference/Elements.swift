/// One element at a time, whatever its type: floats as f64, integers and bool as i64, which hold every value of the
/// narrower types. Computing there and rounding once gives what each type's own arithmetic gives: f64 has more than twice
/// the digits of the others, and integers wrap alike.
struct Elements {
  private let base: UnsafeMutableRawPointer
  let dtype: DType

  init(_ x: borrowing Tensor) {
    base = x.address
    dtype = x.dtype
  }

  private func at<T>(_ i: Int, _: T.Type) -> UnsafeMutablePointer<T> { base.assumingMemoryBound(to: T.self) + i }

  func number(_ i: Int) -> Double {
    switch dtype {
    case .f32: Double(at(i, Float.self).pointee)
    case .f64: at(i, Double.self).pointee
    case .f16: Double(at(i, Float16.self).pointee)
    case .bf16: Double(Float(at(i, BFloat16.self).pointee))
    default: Double(whole(i))
    }
  }

  /// For integers and bool.
  func whole(_ i: Int) -> Int64 {
    switch dtype {
    case .i8: Int64(at(i, Int8.self).pointee)
    case .u8: Int64(at(i, UInt8.self).pointee)
    case .i16: Int64(at(i, Int16.self).pointee)
    case .u16: Int64(at(i, UInt16.self).pointee)
    case .i32: Int64(at(i, Int32.self).pointee)
    case .i64: at(i, Int64.self).pointee
    case .bool: at(i, UInt8.self).pointee == 0 ? 0 : 1
    default: Int64(number: number(i))
    }
  }

  /// Rounds to a float, truncates and saturates to an integer, asks a bool for not 0.
  func set(_ i: Int, _ value: Double) {
    switch dtype {
    case .f32: at(i, Float.self).pointee = Float(value)
    case .f64: at(i, Double.self).pointee = value
    case .f16: at(i, Float16.self).pointee = Float16(value)
    case .bf16: at(i, BFloat16.self).pointee = BFloat16(value)
    case .i8: at(i, Int8.self).pointee = Int8(number: value)
    case .u8: at(i, UInt8.self).pointee = UInt8(number: value)
    case .i16: at(i, Int16.self).pointee = Int16(number: value)
    case .u16: at(i, UInt16.self).pointee = UInt16(number: value)
    case .i32: at(i, Int32.self).pointee = Int32(number: value)
    case .i64: at(i, Int64.self).pointee = Int64(number: value)
    case .bool: at(i, UInt8.self).pointee = value != 0 ? 1 : 0
    }
  }

  /// Wraps to an integer, rounds once to a float.
  func set(_ i: Int, _ value: Int64) {
    switch dtype {
    case .f32: at(i, Float.self).pointee = Float(value)
    case .i8: at(i, Int8.self).pointee = Int8(truncatingIfNeeded: value)
    case .u8: at(i, UInt8.self).pointee = UInt8(truncatingIfNeeded: value)
    case .i16: at(i, Int16.self).pointee = Int16(truncatingIfNeeded: value)
    case .u16: at(i, UInt16.self).pointee = UInt16(truncatingIfNeeded: value)
    case .i32: at(i, Int32.self).pointee = Int32(truncatingIfNeeded: value)
    case .i64: at(i, Int64.self).pointee = value
    case .bool: at(i, UInt8.self).pointee = value != 0 ? 1 : 0
    default: set(i, Double(value))
    }
  }
}

extension Tensor {
  /// The layout of a result computed from these operands element by element: that of the first that is full and dense.
  static func resultLayout(_ shape: Shape, _ a: Tensor, _ b: Tensor) -> Dims {
    if a.shape == shape, a.isDense { return a.layout }
    if b.shape == shape, b.isDense { return b.layout }
    return a.shape == shape ? a.denseLayout(like: shape) : b.shape == shape ? b.denseLayout(like: shape) : shape.rowMajor
  }

  /// A result of `dtype`, laid out like `x`, set by `body(result, position, source, position)`.
  func mapped(_ dtype: DType, _ body: (Elements, Int, Elements, Int) -> Void) throws -> Tensor {
    let out = try Tensor.empty(shape, dtype, layout: isDense ? layout : denseLayout(like: shape))
    let (r, p) = (Elements(out), Elements(self))
    let nest = LoopNest(shape, out.layout, layout)
    let (s, t) = (nest.inner(0), nest.inner(1))
    try nest.forEachRow { n, o, i, _, _ in
      for k in 0..<n { body(r, o + k * s, p, i + k * t) }
    }
    return out
  }

  /// A result of `dtype` from two operands that broadcast, set by `body(result, position, left, position, right, position)`.
  static func mapped(
    _ a: Tensor, _ b: Tensor, _ shape: Shape, _ dtype: DType, _ body: (Elements, Int, Elements, Int, Elements, Int) -> Void
  ) throws -> Tensor {
    let out = try Tensor.empty(shape, dtype, layout: resultLayout(shape, a, b))
    let (r, p, q) = (Elements(out), Elements(a), Elements(b))
    let nest = LoopNest(shape, out.layout, a.broadcastLayout(shape), b.broadcastLayout(shape))
    let (s, t, u) = (nest.inner(0), nest.inner(1), nest.inner(2))
    try nest.forEachRow { n, o, i, j, _ in
      for k in 0..<n { body(r, o + k * s, p, i + k * t, q, j + k * u) }
    }
    return out
  }

  func mapped(_ dtype: DType, numbers f: (Double) -> Double) throws -> Tensor {
    try mapped(dtype) { $0.set($1, f($2.number($3))) }
  }
  func mapped(_ dtype: DType, integers f: (Int64) -> Int64) throws -> Tensor {
    try mapped(dtype) { $0.set($1, f($2.whole($3))) }
  }
  static func mapped(_ a: Tensor, _ b: Tensor, _ shape: Shape, numbers f: (Double, Double) -> Double) throws -> Tensor {
    try mapped(a, b, shape, a.dtype) { $0.set($1, f($2.number($3), $4.number($5))) }
  }
  static func mapped(_ a: Tensor, _ b: Tensor, _ shape: Shape, integers f: (Int64, Int64) -> Int64) throws -> Tensor {
    try mapped(a, b, shape, a.dtype) { $0.set($1, f($2.whole($3), $4.whole($5))) }
  }
}
