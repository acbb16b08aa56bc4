import Glibc

extension ReferenceBackend {
  func unary(_ op: UnaryOperation, _ x: Tensor) throws -> Tensor {
    let d = x.dtype
    if op == .not {
      guard d == .bool else { throw ReferenceBackend.refusal(op.rawValue, d, expected: "bool") }
      return try x.mapped(.bool, integers: { 1 - $0 })
    }
    if d == .bool { throw ReferenceBackend.refusal(op.rawValue, d, expected: "a number type") }
    return d.isFloating ? try real(op, x) : try whole(op, x)
  }

  private func real(_ op: UnaryOperation, _ x: Tensor) throws -> Tensor {
    let f: (Double) -> Double =
      switch op {
      case .neg: { -$0 }
      case .abs: { $0.magnitude }
      case .sqrt: { $0.squareRoot() }
      case .rsqrt: { 1 / $0.squareRoot() }
      case .exp: Glibc.exp
      case .log: Glibc.log
      case .tanh: Glibc.tanh
      case .erf: Glibc.erf
      case .sin: Glibc.sin
      case .cos: Glibc.cos
      case .sigmoid: { 1 / (1 + Glibc.exp(-$0)) }
      case .relu: { $0 < 0 ? 0 : $0 }
      case .sign: { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 }
      case .floor: { $0.rounded(.down) }
      case .ceil: { $0.rounded(.up) }
      case .round: { $0.rounded(.toNearestOrEven) }
      case .reciprocal: { 1 / $0 }
      case .square: { $0 * $0 }
      case .isNaN: { $0.isNaN ? 1 : 0 }
      case .isFinite: { $0.isFinite ? 1 : 0 }
      case .isInfinite: { $0.isInfinite ? 1 : 0 }
      case .exp2: Glibc.exp2
      case .expm1: Glibc.expm1
      case .log1p: Glibc.log1p
      case .log2: Glibc.log2
      case .log10: Glibc.log10
      case .tan: Glibc.tan
      case .asin: Glibc.asin
      case .acos: Glibc.acos
      case .atan: Glibc.atan
      case .sinh: Glibc.sinh
      case .cosh: Glibc.cosh
      case .asinh: Glibc.asinh
      case .acosh: Glibc.acosh
      case .atanh: Glibc.atanh
      case .trunc: { $0.rounded(.towardZero) }
      case .silu: { $0 / (1 + Glibc.exp(-$0)) }
      case .gelu: { Double.gelu($0) }
      case .geluTanh: { Double.geluTanh($0) }
      case .mish: { Double.mish($0) }
      case .softplus: { Double.softplus($0) }
      case .not, .bitNot: throw ReferenceBackend.refusal(op.rawValue, x.dtype, expected: "an integer type")
      }
    return try x.mapped([.isNaN, .isFinite, .isInfinite].contains(op) ? .bool : x.dtype, numbers: f)
  }

  private func whole(_ op: UnaryOperation, _ x: Tensor) throws -> Tensor {
    let d = x.dtype
    switch op {
    case .neg: return try x.mapped(d, integers: { 0 &- $0 })
    case .abs: return try x.mapped(d, integers: { $0 < 0 ? 0 &- $0 : $0 })
    case .relu: return try x.mapped(d, integers: { max($0, 0) })
    case .sign: return try x.mapped(d, integers: { $0.signum() })
    case .square: return try x.mapped(d, integers: { $0 &* $0 })
    case .floor, .ceil, .round, .trunc: return x
    case .bitNot: return try x.mapped(d, integers: { ~$0 })
    case .isNaN, .isInfinite: return try x.mapped(.bool, integers: { _ in 0 })
    case .isFinite: return try x.mapped(.bool, integers: { _ in 1 })
    default: throw ReferenceBackend.refusal(op.rawValue, d, expected: "a float type")
    }
  }

  // NaN passes; with crossed bounds the upper one wins, as in ONNX.
  func clip(_ x: Tensor, _ lower: Double, _ upper: Double) throws -> Tensor {
    if x.dtype == .bool { throw ReferenceBackend.refusal("clip", .bool, expected: "a number type") }
    func clamped<T: Comparable>(_ v: T, _ low: T, _ high: T) -> T {
      let raised = v < low ? low : v
      return raised > high ? high : raised
    }
    if x.dtype.isFloating {
      // The bounds as f32 for narrower floats, which are computed in it.
      let (low, high) = x.dtype == .f64 ? (lower, upper) : (Double(Float(lower)), Double(Float(upper)))
      return try x.mapped(x.dtype, numbers: { clamped($0, low, high) })
    }
    // The bounds of the type first, or a bound outside would wrap on the way back.
    let bounds = try Tensor([lower, upper]).mapped(x.dtype) { $0.set($1, $2.number($3)) }
    let (low, high) = (Elements(bounds).whole(0), Elements(bounds).whole(1))
    return try x.mapped(x.dtype, integers: { clamped($0, low, high) })
  }
}
