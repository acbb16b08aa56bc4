import OrderedCollections
import Support
import Tensor

/// A small fact beside a representation's blobs.
public enum EncodedScalar: Sendable, Hashable {
  case integer(Int)
  case number(Double)
  case string(String)
  case boolean(Bool)
  case integers([Int])
}

/// Collects what a representation stores: named scalars and named blobs (tensors, written as their bytes).
public struct RepresentationEncoder: Sendable {
  /// By name, in the order in which they were set.
  public private(set) var scalars: OrderedDictionary<String, EncodedScalar> = [:]
  /// By name, in the order in which they were set.
  public private(set) var blobs: OrderedDictionary<String, Tensor> = [:]

  /// An encoder that holds nothing.
  public init() {}

  /// Stores a scalar; an earlier one of that name is replaced.
  public mutating func set(_ name: String, _ value: EncodedScalar) { scalars[name] = value }

  /// Stores a blob; an earlier one of that name is replaced.
  public mutating func set(_ name: String, blob: Tensor) { blobs[name] = blob }

  /// Bytes of all blobs.
  public var byteCount: Int { blobs.values.reduce(0) { $0 + $1.count * $1.dtype.size } }
}

/// Hands a representation what its encoder stored; every read checks presence, type, dtype and shape.
public struct RepresentationDecoder: Sendable {
  /// The parameter's name, for messages.
  public let name: String
  /// The representation's kind, for messages.
  public let kind: String
  private let scalars: OrderedDictionary<String, EncodedScalar>
  private let blobs: OrderedDictionary<String, Tensor>

  /// Takes what a file holds of one parameter; fields are checked when they are read.
  public init(
    name: String, kind: String, scalars: OrderedDictionary<String, EncodedScalar>,
    blobs: OrderedDictionary<String, Tensor>
  ) {
    self.name = name
    self.kind = kind
    self.scalars = scalars
    self.blobs = blobs
  }

  /// Whether a scalar or a blob of that name is stored.
  public func has(_ field: String) -> Bool { scalars[field] != nil || blobs[field] != nil }

  /// Returns an integer.
  /// - Throws: `format` when it is not there or of another type; so do the other readers.
  public func integer(_ field: String) throws -> Int {
    guard case .integer(let value)? = scalars[field] else { throw missing(field, "an integer", scalars[field]) }
    return value
  }

  /// Returns a number; an integer counts as one.
  public func number(_ field: String) throws -> Double {
    switch scalars[field] {
    case .number(let value)?: return value
    case .integer(let value)?: return Double(value)
    case let other: throw missing(field, "a number", other)
    }
  }

  /// Returns a text.
  public func string(_ field: String) throws -> String {
    guard case .string(let value)? = scalars[field] else { throw missing(field, "a string", scalars[field]) }
    return value
  }

  /// Returns a truth value.
  public func boolean(_ field: String) throws -> Bool {
    guard case .boolean(let value)? = scalars[field] else { throw missing(field, "true or false", scalars[field]) }
    return value
  }

  /// Returns a list of integers.
  public func integers(_ field: String) throws -> [Int] {
    guard case .integers(let value)? = scalars[field] else { throw missing(field, "integers", scalars[field]) }
    return value
  }

  /// Returns the sizes stored under `field` as a shape whose product is checked.
  public func shape(_ field: String) throws -> Shape {
    do { return try Shape(integers(field)) } catch let error as PareError {
      throw invalid("'\(field)' is no shape (\(error.message))")
    }
  }

  /// Returns a blob, checked against dtypes and, where given, the number of elements.
  public func tensor(_ field: String, _ dtypes: [DType]? = nil, count: Int? = nil) throws -> Tensor {
    guard let tensor = blobs[field] else { throw missing(field, "a blob", nil) }
    if let dtypes, !dtypes.contains(tensor.dtype) {
      throw invalid("'\(field)'", expected: dtypes.map(\.name).joined(separator: " or "), got: tensor.dtype.name)
    }
    if let count, tensor.count != count {
      throw invalid("'\(field)'", expected: "\(count) elements", got: "\(tensor.count)")
    }
    return tensor
  }

  /// Makes a `format` error that names the parameter.
  public func invalid(_ message: String, expected: String? = nil, got: String? = nil) -> PareError {
    PareError(.format, "parameter '\(name)' (\(kind)): \(message)", argument: name, expected: expected, got: got)
  }

  private func missing(_ field: String, _ expected: String, _ got: EncodedScalar?) -> PareError {
    invalid("'\(field)'", expected: expected, got: got.map { "\($0)" } ?? "nothing")
  }
}

/// Little-endian integers of one to eight bits packed without gaps, the first value in the lowest bits.
package enum BitPacking {
  package static func pack(_ values: [UInt8], bits: Int) -> [UInt8] {
    if bits == 8 { return values }
    var packed = [UInt8](repeating: 0, count: packedCount(values.count, bits: bits))
    let mask = UInt16(1 << bits) - 1
    for (index, value) in values.enumerated() {
      let start = index * bits
      let shifted = (UInt16(value) & mask) << UInt16(start % 8)
      packed[start / 8] |= UInt8(truncatingIfNeeded: shifted)
      if shifted > 0xFF { packed[start / 8 + 1] |= UInt8(shifted >> 8) }
    }
    return packed
  }

  /// Returns `count` values; `packed` must hold `packedCount(count, bits:)` bytes.
  package static func unpack(_ packed: [UInt8], count: Int, bits: Int) -> [UInt8] {
    if bits == 8 { return packed }
    let mask = UInt16(1 << bits) - 1
    return (0..<count).map { index in
      let start = index * bits
      var word = UInt16(packed[start / 8])
      if start / 8 + 1 < packed.count { word |= UInt16(packed[start / 8 + 1]) << 8 }
      return UInt8(word >> UInt16(start % 8) & mask)
    }
  }

  package static func packedCount(_ count: Int, bits: Int) -> Int { count / 8 * bits + (count % 8 * bits + 7) / 8 }
}
