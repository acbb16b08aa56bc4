import Glibc

extension ReferenceBackend {
  func unary(_ op: UnaryOperation, _ x: Tensor) throws -> Tensor {
    switch x.dtype {
    case .f32: return try real(op, x, Float.self)
    case .f64: return try real(op, x, Double.self)
    case .f16, .bf16:
      let wide = try unary(op, convert(x, to: .f32))
      return wide.dtype == .bool ? wide : try convert(wide, to: x.dtype)
    case .i8, .u8, .i16, .u16:
      let wide = try unary(op, convert(x, to: .i32))
      return wide.dtype == .bool ? wide : try convert(wide, to: x.dtype)
    case .i32: return try whole(op, x, Int32.self)
    case .i64: return try whole(op, x, Int64.self)
    case .bool:
      guard op == .not else { throw ReferenceBackend.refusal(op.rawValue, .bool, expected: "a number type") }
      return try Tensor.map1(x, .bool) { (v: UInt8) -> UInt8 in v == 0 ? 1 : 0 }
    }
  }

  private func real<T: Real>(_ op: UnaryOperation, _ x: Tensor, _: T.Type) throws -> Tensor {
    let d = T.dtype
    switch op {
    case .neg: return try Tensor.map1(x, d) { (v: T) in -v }
    case .abs: return try Tensor.map1(x, d) { (v: T) -> T in v < 0 ? -v : v + 0 }
    case .sqrt: return try Tensor.map1(x, d) { (v: T) in v.squareRoot() }
    case .rsqrt: return try Tensor.map1(x, d) { (v: T) in 1 / v.squareRoot() }
    case .exp: return try Tensor.map1(x, d) { (v: T) in T.exp(v) }
    case .log: return try Tensor.map1(x, d) { (v: T) in T.log(v) }
    case .tanh: return try Tensor.map1(x, d) { (v: T) in T.tanh(v) }
    case .erf: return try Tensor.map1(x, d) { (v: T) in T.erf(v) }
    case .sin: return try Tensor.map1(x, d) { (v: T) in T.sin(v) }
    case .cos: return try Tensor.map1(x, d) { (v: T) in T.cos(v) }
    case .sigmoid: return try Tensor.map1(x, d) { (v: T) in 1 / (1 + T.exp(-v)) }
    case .relu: return try Tensor.map1(x, d) { (v: T) in v < 0 ? 0 : v }
    case .sign: return try Tensor.map1(x, d) { (v: T) in v > 0 ? 1 : v < 0 ? -1 : v }
    case .floor: return try Tensor.map1(x, d) { (v: T) in v.rounded(.down) }
    case .ceil: return try Tensor.map1(x, d) { (v: T) in v.rounded(.up) }
    case .round: return try Tensor.map1(x, d) { (v: T) in v.rounded(.toNearestOrEven) }
    case .reciprocal: return try Tensor.map1(x, d) { (v: T) in 1 / v }
    case .square: return try Tensor.map1(x, d) { (v: T) in v * v }
    case .isNaN: return try Tensor.map1(x, .bool) { (v: T) -> UInt8 in v != v ? 1 : 0 }
    case .isFinite: return try Tensor.map1(x, .bool) { (v: T) -> UInt8 in v - v == 0 ? 1 : 0 }
    case .not: throw ReferenceBackend.refusal(op.rawValue, x.dtype, expected: "bool")
    case .expm1: return try Tensor.map1(x, d) { (v: T) in T.expm1(v) }
    case .log1p: return try Tensor.map1(x, d) { (v: T) in T.log1p(v) }
    case .trunc: return try Tensor.map1(x, d) { (v: T) in v.rounded(.towardZero) }
    case .isInfinite: return try Tensor.map1(x, .bool) { (v: T) -> UInt8 in v.isInfinite ? 1 : 0 }
    case .bitNot: throw ReferenceBackend.refusal(op.rawValue, x.dtype, expected: "an integer type")
    case .silu: return try Tensor.map1(x, d) { (v: T) in v / (1 + T.exp(-v)) }
    case .gelu: return try Tensor.map1(x, d) { (v: T) in T.gelu(v) }
    case .geluTanh: return try Tensor.map1(x, d) { (v: T) in T.geluTanh(v) }
    case .mish: return try Tensor.map1(x, d) { (v: T) in T.mish(v) }
    case .softplus: return try Tensor.map1(x, d) { (v: T) in T.softplus(v) }
    case .exp2, .log2, .log10, .tan, .asin, .acos, .atan, .sinh, .cosh, .asinh, .acosh, .atanh:
      return try elementary(op, x, T.self)
    }
  }

  /// The rarer functions, f32 too by the library's f64: within half a unit in the last place, or nearly so.
  private func elementary<T: Real>(_ op: UnaryOperation, _ x: Tensor, _: T.Type) throws -> Tensor {
    let d = T.dtype
    switch op {
    case .exp2: return try Tensor.map1(x, d) { (v: T) in T(number: Glibc.exp2(Double(v))) }
    case .log2: return try Tensor.map1(x, d) { (v: T) in T(number: Glibc.log2(Double(v))) }
    case .log10: return try Tensor.map1(x, d) { (v: T) in T(number: Glibc.log10(Double(v))) }
    case .tan: return try Tensor.map1(x, d) { (v: T) in T(number: Glibc.tan(Double(v))) }
    case .asin: return try Tensor.map1(x, d) { (v: T) in T(number: Glibc.asin(Double(v))) }
    case .acos: return try Tensor.map1(x, d) { (v: T) in T(number: Glibc.acos(Double(v))) }
    case .atan: return try Tensor.map1(x, d) { (v: T) in T(number: Glibc.atan(Double(v))) }
    case .sinh: return try Tensor.map1(x, d) { (v: T) in T(number: Glibc.sinh(Double(v))) }
    case .cosh: return try Tensor.map1(x, d) { (v: T) in T(number: Glibc.cosh(Double(v))) }
    case .asinh: return try Tensor.map1(x, d) { (v: T) in T(number: Glibc.asinh(Double(v))) }
    case .acosh: return try Tensor.map1(x, d) { (v: T) in T(number: Glibc.acosh(Double(v))) }
    case .atanh: return try Tensor.map1(x, d) { (v: T) in T(number: Glibc.atanh(Double(v))) }
    default: throw ReferenceBackend.refusal(op.rawValue, d, expected: "another type")
    }
  }

  private func whole<T: Whole>(_ op: UnaryOperation, _ x: Tensor, _: T.Type) throws -> Tensor {
    let d = T.dtype
    switch op {
    case .neg: return try Tensor.map1(x, d) { (v: T) in 0 &- v }
    case .abs: return try Tensor.map1(x, d) { (v: T) in v < 0 ? 0 &- v : v }
    case .relu: return try Tensor.map1(x, d) { (v: T) in v < 0 ? 0 : v }
    case .sign: return try Tensor.map1(x, d) { (v: T) -> T in v > 0 ? 1 : v < 0 ? 0 &- 1 : 0 }
    case .square: return try Tensor.map1(x, d) { (v: T) in v &* v }
    case .floor, .ceil, .round, .trunc: return x
    case .bitNot: return try Tensor.map1(x, d) { (v: T) in ~v }
    case .isInfinite: return try Tensor.map1(x, .bool) { (_: T) -> UInt8 in 0 }
    case .isNaN: return try Tensor.map1(x, .bool) { (_: T) -> UInt8 in 0 }
    case .isFinite: return try Tensor.map1(x, .bool) { (_: T) -> UInt8 in 1 }
    default:
      throw ReferenceBackend.refusal(op.rawValue, x.dtype, expected: op == .not ? "bool" : "a float type")
    }
  }

  func clip(_ x: Tensor, _ lower: Double, _ upper: Double) throws -> Tensor {
    switch x.dtype {
    case .f32: return try clamp(x, Float(lower), Float(upper))
    case .f64: return try clamp(x, lower, upper)
    case .f16, .bf16: return try widened(x.dtype) { try clip($0(x), lower, upper) }
    case .i8, .u8, .i16, .u16:
      // The bounds of the narrow type first, or a bound outside would wrap on the way back.
      let (least, most) = x.dtype.range
      let wide = try clip(convert(x, to: .i32), min(max(lower, least), most), min(max(upper, least), most))
      return try convert(wide, to: x.dtype)
    case .i32: return try clamp(x, Int32(number: lower), Int32(number: upper))
    case .i64: return try clamp(x, Int64(number: lower), Int64(number: upper))
    case .bool: throw ReferenceBackend.refusal("clip", .bool, expected: "a number type")
    }
  }

  // NaN passes; with crossed bounds the upper one wins, as in ONNX.
  private func clamp<T: Number>(_ x: Tensor, _ lower: T, _ upper: T) throws -> Tensor {
    try Tensor.map1(x, T.dtype) { (v: T) -> T in
      let raised = v < lower ? lower : v
      return raised > upper ? upper : raised
    }
  }
}
