/// The type of a tensor's elements. Raw values are the names used in scripts, files and messages.
public enum DType: String, CaseIterable, Sendable, Hashable, Codable, CustomStringConvertible {
  case f32, f16, bf16, f64, i8, u8, i16, u16, i32, i64, bool

  /// Bytes of one element.
  public var size: Int {
    switch self {
    case .i8, .u8, .bool: 1
    case .f16, .bf16, .i16, .u16: 2
    case .f32, .i32: 4
    case .f64, .i64: 8
    }
  }

  /// True for f32, f16, bf16 and f64: the types that can be differentiated.
  public var isFloating: Bool {
    switch self {
    case .f32, .f16, .bf16, .f64: true
    default: false
    }
  }

  /// True for the signed and unsigned integers; false for floats and bool.
  public var isInteger: Bool { !isFloating && self != .bool }

  /// The name, as in "f32".
  public var name: String { rawValue }
  public var description: String { rawValue }
}

/// A Swift type that can be the element of a tensor: `Float`, `Double`, `Float16`, `BFloat16`, the integers of 8 to 64
/// bits (`UInt8`, `UInt16` unsigned), `Int` (as i64) and `Bool`.
public protocol TensorElement: Sendable, BitwiseCopyable {
  /// The element type that this Swift type stands for.
  static var dtype: DType { get }
}

extension Float: TensorElement { public static var dtype: DType { .f32 } }
extension Double: TensorElement { public static var dtype: DType { .f64 } }
extension Float16: TensorElement { public static var dtype: DType { .f16 } }
extension Int8: TensorElement { public static var dtype: DType { .i8 } }
extension UInt8: TensorElement { public static var dtype: DType { .u8 } }
extension Int16: TensorElement { public static var dtype: DType { .i16 } }
extension UInt16: TensorElement { public static var dtype: DType { .u16 } }
extension Int32: TensorElement { public static var dtype: DType { .i32 } }
extension Int64: TensorElement { public static var dtype: DType { .i64 } }
extension Int: TensorElement { public static var dtype: DType { .i64 } }
extension Bool: TensorElement { public static var dtype: DType { .bool } }

/// The upper half of an f32: 8 exponent bits, 7 of fraction.
public struct BFloat16: TensorElement, Hashable {
  public static var dtype: DType { .bf16 }
  /// From the highest bit: sign, 8 bits of exponent, 7 of fraction.
  public var bitPattern: UInt16

  /// Takes the bits as they are, NaN and infinity included.
  public init(bitPattern: UInt16) { self.bitPattern = bitPattern }

  /// Rounds to nearest, ties to even; NaN stays NaN.
  public init(_ value: Float) {
    let bits = value.bitPattern
    if value.isNaN {
      bitPattern = UInt16(truncatingIfNeeded: bits >> 16) | 0x40
    } else {
      bitPattern = UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
    }
  }

  /// Rounds once: the f32 on the way is rounded to odd, so that ties of the second rounding are real ones.
  public init(_ value: Double) {
    var narrow = Float(value)
    if Double(narrow) != value, narrow.isFinite {
      if Double(narrow).magnitude > value.magnitude { narrow = Float(bitPattern: narrow.bitPattern &- 1) }
      narrow = Float(bitPattern: narrow.bitPattern | 1)
    }
    self.init(narrow)
  }
}

extension Float {
  /// The same value; every bf16 is an f32.
  public init(_ value: BFloat16) { self.init(bitPattern: UInt32(value.bitPattern) << 16) }
}
