import Glibc

extension ReferenceBackend {
  func copy(_ x: Tensor, into target: Tensor) {
    switch x.dtype.size {
    case 1: copied(x, target, UInt8.self)
    case 2: copied(x, target, UInt16.self)
    case 4: copied(x, target, UInt32.self)
    default: copied(x, target, UInt64.self)
    }
  }

  private func copied<T: BitwiseCopyable>(_ x: Tensor, _ target: Tensor, _: T.Type) {
    let nest = LoopNest(x.shape, target.layout, x.layout)
    let (q, p) = (target.pointer(T.self), x.pointer(T.self))
    let (s, t) = (nest.inner(0), nest.inner(1))
    nest.forEachRow { n, o, i, _, _ in
      if s == 1 && t == 1 {
        memcpy(q + o, p + i, n * MemoryLayout<T>.size)
      } else {
        for k in 0..<n { q[o + k * s] = p[i + k * t] }
      }
    }
  }

  /// Rounds floats to nearest-even; to integers truncates, saturates, and takes NaN to 0; to bool asks for not 0.
  func convert(_ x: Tensor, to dtype: DType) throws -> Tensor {
    if x.dtype == dtype { return x }
    // The pairs with f32 are direct; others go through the wider of f64 and i64, which holds them exactly.
    switch (x.dtype, dtype) {
    case (.f32, .f64): return try Tensor.map1(x, dtype) { (v: Float) in Double(v) }
    case (.f32, .f16): return try Tensor.map1(x, dtype) { (v: Float) in Float16(v) }
    case (.f32, .bf16): return try Tensor.map1(x, dtype) { (v: Float) in BFloat16(v) }
    case (.f32, .i8): return try Tensor.map1(x, dtype) { (v: Float) in Int8(number: Double(v)) }
    case (.f32, .u8): return try Tensor.map1(x, dtype) { (v: Float) in UInt8(number: Double(v)) }
    case (.f32, .i32): return try Tensor.map1(x, dtype) { (v: Float) in Int32(number: Double(v)) }
    case (.f32, .i64): return try Tensor.map1(x, dtype) { (v: Float) in Int64(number: Double(v)) }
    case (.f64, .f32): return try Tensor.map1(x, dtype) { (v: Double) in Float(v) }
    case (.f16, .f32): return try Tensor.map1(x, dtype) { (v: Float16) in Float(v) }
    case (.bf16, .f32): return try Tensor.map1(x, dtype) { (v: BFloat16) in Float(v) }
    case (.i8, .f32): return try Tensor.map1(x, dtype) { (v: Int8) in Float(v) }
    case (.u8, .f32): return try Tensor.map1(x, dtype) { (v: UInt8) in Float(v) }
    case (.i32, .f32): return try Tensor.map1(x, dtype) { (v: Int32) in Float(v) }
    case (.i64, .f32): return try Tensor.map1(x, dtype) { (v: Int64) in Float(v) }
    case (.bool, .f32): return try Tensor.map1(x, dtype) { (v: UInt8) in v == 0 ? Float(0) : 1 }
    case (_, .f64): return try toDouble(x)
    case (_, .i64) where !x.dtype.isFloating: return try toInt64(x)
    case (.f64, _): return try fromDouble(x, dtype)
    case (.i64, _) where !dtype.isFloating: return try fromInt64(x, dtype)
    default:
      return x.dtype.isFloating || dtype.isFloating
        ? try fromDouble(toDouble(x), dtype) : try fromInt64(toInt64(x), dtype)
    }
  }

  private func toDouble(_ x: Tensor) throws -> Tensor {
    switch x.dtype {
    case .f16: try Tensor.map1(x, .f64) { (v: Float16) in Double(v) }
    case .bf16: try Tensor.map1(x, .f64) { (v: BFloat16) in Double(Float(v)) }
    case .f32: try Tensor.map1(x, .f64) { (v: Float) in Double(v) }
    case .f64: x
    case .i64: try Tensor.map1(x, .f64) { (v: Int64) in Double(v) }
    default: try Tensor.map1(toInt64(x), .f64) { (v: Int64) in Double(v) }
    }
  }

  private func fromDouble(_ x: Tensor, _ dtype: DType) throws -> Tensor {
    switch dtype {
    case .f16: try Tensor.map1(x, dtype) { (v: Double) in Float16(v) }
    case .bf16: try Tensor.map1(x, dtype) { (v: Double) in BFloat16(v) }
    case .f32: try Tensor.map1(x, dtype) { (v: Double) in Float(v) }
    case .f64: x
    case .i8: try Tensor.map1(x, dtype) { (v: Double) in Int8(number: v) }
    case .u8: try Tensor.map1(x, dtype) { (v: Double) in UInt8(number: v) }
    case .i16: try Tensor.map1(x, dtype) { (v: Double) in Int16(number: v) }
    case .u16: try Tensor.map1(x, dtype) { (v: Double) in UInt16(number: v) }
    case .i32: try Tensor.map1(x, dtype) { (v: Double) in Int32(number: v) }
    case .i64: try Tensor.map1(x, dtype) { (v: Double) in Int64(number: v) }
    case .bool: try Tensor.map1(x, dtype) { (v: Double) -> UInt8 in v != 0 ? 1 : 0 }
    }
  }

  private func toInt64(_ x: Tensor) throws -> Tensor {
    switch x.dtype {
    case .i8: try Tensor.map1(x, .i64) { (v: Int8) in Int64(v) }
    case .u8: try Tensor.map1(x, .i64) { (v: UInt8) in Int64(v) }
    case .i16: try Tensor.map1(x, .i64) { (v: Int16) in Int64(v) }
    case .u16: try Tensor.map1(x, .i64) { (v: UInt16) in Int64(v) }
    case .i32: try Tensor.map1(x, .i64) { (v: Int32) in Int64(v) }
    case .bool: try Tensor.map1(x, .i64) { (v: UInt8) -> Int64 in v == 0 ? 0 : 1 }
    default: x
    }
  }

  private func fromInt64(_ x: Tensor, _ dtype: DType) throws -> Tensor {
    switch dtype {
    case .i8: try Tensor.map1(x, dtype) { (v: Int64) in Int8(truncatingIfNeeded: v) }
    case .u8: try Tensor.map1(x, dtype) { (v: Int64) in UInt8(truncatingIfNeeded: v) }
    case .i16: try Tensor.map1(x, dtype) { (v: Int64) in Int16(truncatingIfNeeded: v) }
    case .u16: try Tensor.map1(x, dtype) { (v: Int64) in UInt16(truncatingIfNeeded: v) }
    case .i32: try Tensor.map1(x, dtype) { (v: Int64) in Int32(truncatingIfNeeded: v) }
    case .bool: try Tensor.map1(x, dtype) { (v: Int64) -> UInt8 in v != 0 ? 1 : 0 }
    default: x
    }
  }
}
