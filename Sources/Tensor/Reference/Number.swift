import Glibc

/// An element with arithmetic. Integers wrap, conversions to them saturate and take NaN to 0: nothing here traps.
protocol Number: TensorElement, Comparable {
  init(number: Double)
  var number: Double { get }
  static var zero: Self { get }
  static var one: Self { get }
  static func plus(_ a: Self, _ b: Self) -> Self
  static func minus(_ a: Self, _ b: Self) -> Self
  static func times(_ a: Self, _ b: Self) -> Self
  static func over(_ a: Self, _ b: Self) -> Self
  static func power(_ a: Self, _ b: Self) -> Self
  static func remainder(_ a: Self, _ b: Self) -> Self
  static func larger(_ a: Self, _ b: Self) -> Self
  static func smaller(_ a: Self, _ b: Self) -> Self
}

/// A float that is computed with directly: f32 and f64. The half types are computed in f32.
protocol Real: Number, BinaryFloatingPoint {
  static func exp(_ x: Self) -> Self
  static func log(_ x: Self) -> Self
  static func tanh(_ x: Self) -> Self
  static func erf(_ x: Self) -> Self
  static func sin(_ x: Self) -> Self
  static func cos(_ x: Self) -> Self
  static func erfc(_ x: Self) -> Self
  /// log(1 + x), precise near 0.
  static func log1p(_ x: Self) -> Self
  /// exp(x) - 1, precise near 0.
  static func expm1(_ x: Self) -> Self
}

extension Real {
  @inline(__always) var number: Double { Double(self) }
  @inline(__always) static var one: Self { 1 }
  @inline(__always) static func plus(_ a: Self, _ b: Self) -> Self { a + b }
  @inline(__always) static func minus(_ a: Self, _ b: Self) -> Self { a - b }
  @inline(__always) static func times(_ a: Self, _ b: Self) -> Self { a * b }
  @inline(__always) static func over(_ a: Self, _ b: Self) -> Self { a / b }
  /// C's fmod: the sign of the dividend.
  @inline(__always) static func remainder(_ a: Self, _ b: Self) -> Self { a.truncatingRemainder(dividingBy: b) }
  /// Python's %: the sign of the divisor.
  @inline(__always) static func floorRemainder(_ a: Self, _ b: Self) -> Self {
    let r = a.truncatingRemainder(dividingBy: b)
    return r != 0 && (r < 0) != (b < 0) ? r + b : r
  }
  // NaN in either operand gives NaN.
  @inline(__always) static func larger(_ a: Self, _ b: Self) -> Self { a > b || a != a ? a : b }
  @inline(__always) static func smaller(_ a: Self, _ b: Self) -> Self { a < b || a != a ? a : b }
}

extension Float: Real {
  @inline(__always) init(number: Double) { self = Float(number) }
  @inline(__always) static func exp(_ x: Float) -> Float { Glibc.expf(x) }
  @inline(__always) static func log(_ x: Float) -> Float { Glibc.logf(x) }
  @inline(__always) static func tanh(_ x: Float) -> Float { Glibc.tanhf(x) }
  @inline(__always) static func erf(_ x: Float) -> Float { Glibc.erff(x) }
  @inline(__always) static func sin(_ x: Float) -> Float { Glibc.sinf(x) }
  @inline(__always) static func cos(_ x: Float) -> Float { Glibc.cosf(x) }
  @inline(__always) static func erfc(_ x: Float) -> Float { Glibc.erfcf(x) }
  @inline(__always) static func log1p(_ x: Float) -> Float { Glibc.log1pf(x) }
  @inline(__always) static func expm1(_ x: Float) -> Float { Glibc.expm1f(x) }
  @inline(__always) static func power(_ a: Float, _ b: Float) -> Float { Glibc.powf(a, b) }
}

extension Double: Real {
  @inline(__always) init(number: Double) { self = number }
  @inline(__always) static func exp(_ x: Double) -> Double { Glibc.exp(x) }
  @inline(__always) static func log(_ x: Double) -> Double { Glibc.log(x) }
  @inline(__always) static func tanh(_ x: Double) -> Double { Glibc.tanh(x) }
  @inline(__always) static func erf(_ x: Double) -> Double { Glibc.erf(x) }
  @inline(__always) static func sin(_ x: Double) -> Double { Glibc.sin(x) }
  @inline(__always) static func cos(_ x: Double) -> Double { Glibc.cos(x) }
  @inline(__always) static func erfc(_ x: Double) -> Double { Glibc.erfc(x) }
  @inline(__always) static func log1p(_ x: Double) -> Double { Glibc.log1p(x) }
  @inline(__always) static func expm1(_ x: Double) -> Double { Glibc.expm1(x) }
  @inline(__always) static func power(_ a: Double, _ b: Double) -> Double { Glibc.pow(a, b) }
}

/// An integer element.
protocol Whole: Number, FixedWidthInteger {}

extension Whole {
  @inline(__always) init(number: Double) {
    if let exact = Self(exactly: number.rounded(.towardZero)) {
      self = exact
    } else {
      self = number.isNaN ? 0 : number < 0 ? .min : .max
    }
  }
  @inline(__always) var number: Double { Double(self) }
  @inline(__always) static var one: Self { 1 }
  @inline(__always) static func plus(_ a: Self, _ b: Self) -> Self { a &+ b }
  @inline(__always) static func minus(_ a: Self, _ b: Self) -> Self { a &- b }
  @inline(__always) static func times(_ a: Self, _ b: Self) -> Self { a &* b }
  /// Rounds toward zero. A zero divisor, which operations refuse beforehand, gives 0.
  @inline(__always) static func over(_ a: Self, _ b: Self) -> Self {
    b == 0 ? 0 : a.dividedReportingOverflow(by: b).partialValue
  }
  /// Python's %: the sign of the divisor.
  @inline(__always) static func remainder(_ a: Self, _ b: Self) -> Self {
    if b == 0 { return 0 }
    let r = a.remainderReportingOverflow(dividingBy: b).partialValue
    return r != 0 && (r < 0) != (b < 0) ? r &+ b : r
  }
  static func power(_ a: Self, _ b: Self) -> Self {
    if b < 0 { return a == 1 ? 1 : a &+ 1 == 0 && Self.isSigned ? (b & 1 == 0 ? 1 : a) : 0 }
    var result: Self = 1
    var base = a
    var exponent = b
    while exponent > 0 {
      if exponent & 1 == 1 { result = result &* base }
      base = base &* base
      exponent >>= 1
    }
    return result
  }
  @inline(__always) static func larger(_ a: Self, _ b: Self) -> Self { a > b ? a : b }
  @inline(__always) static func smaller(_ a: Self, _ b: Self) -> Self { a < b ? a : b }
}

// The narrow ones for conversions; see `ReferenceBackend`.
extension Int8: Whole {}
extension UInt8: Whole {}
extension Int16: Whole {}
extension UInt16: Whole {}
extension Int32: Whole {}
extension Int64: Whole {}
