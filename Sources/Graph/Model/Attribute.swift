import Tensor

/// The value of a node's attribute, as ONNX's `AttributeProto` has it.
public enum Attribute: Sendable {
  case int(Int)
  case float(Double)
  case string(String)
  case ints([Int])
  case floats([Double])
  case strings([String])
  case tensor(Tensor)

  /// ONNX's name of the kind, for messages.
  public var kind: String {
    switch self {
    case .int: "int"
    case .float: "float"
    case .string: "string"
    case .ints: "ints"
    case .floats: "floats"
    case .strings: "strings"
    case .tensor: "tensor"
    }
  }
}

extension Attribute: Hashable {
  /// Equal kind and equal value; tensors are equal when dtype, shape and bytes are.
  public static func == (a: Attribute, b: Attribute) -> Bool {
    switch (a, b) {
    case (.int(let x), .int(let y)): x == y
    case (.float(let x), .float(let y)): x == y
    case (.string(let x), .string(let y)): x == y
    case (.ints(let x), .ints(let y)): x == y
    case (.floats(let x), .floats(let y)): x == y
    case (.strings(let x), .strings(let y)): x == y
    case (.tensor(let x), .tensor(let y)): x.isIdentical(to: y)
    default: false
    }
  }

  /// Equal attributes hash alike; of a tensor only the shape is hashed.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(kind)
    switch self {
    case .int(let value): hasher.combine(value)
    case .float(let value): hasher.combine(value)
    case .string(let value): hasher.combine(value)
    case .ints(let value): hasher.combine(value)
    case .floats(let value): hasher.combine(value)
    case .strings(let value): hasher.combine(value)
    case .tensor(let value): hasher.combine(value.shape)
    }
  }
}

extension Attribute: CustomStringConvertible {
  public var description: String {
    switch self {
    case .int(let value): "\(value)"
    case .float(let value): "\(value)"
    case .string(let value): "\"\(value)\""
    case .ints(let value): "\(value)"
    case .floats(let value): "\(value)"
    case .strings(let value): "\(value)"
    case .tensor(let value): "tensor \(value.dtype.name)\(value.shape.dimensions)"
    }
  }
}

extension Tensor {
  /// Whether both hold the same dtype, shape and bits.
  package func isIdentical(to other: Tensor) -> Bool {
    guard dtype == other.dtype, shape == other.shape else { return false }
    let same = try? withBytes { mine in
      try other.withBytes { theirs in mine.elementsEqual(theirs) }
    }
    return same ?? false
  }
}
