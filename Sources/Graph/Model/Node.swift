import Support
import Tensor

/// One operator applied to named values: ONNX's `NodeProto`.
public struct Node: Sendable, Hashable {
  /// Unique in the model; what users call the layer.
  public var name: String
  /// The operator's ONNX name.
  public var op: String
  /// The operator's domain; "" is ONNX's own.
  public var domain: String
  /// Names of values or parameters; "" stands for an optional input that is absent.
  public var inputs: [String]
  /// Names of the values that the node makes; "" stands for one that nobody wants.
  public var outputs: [String]
  /// By ONNX's names; those left out have ONNX's defaults.
  public var attributes: [String: Attribute]
  /// The layer that this one is a factor of (`fc` for `fc.0` and `fc.1`).
  public var origin: String?

  /// Takes everything as it is; `Model.verified` checks it.
  public init(
    name: String, op: String, domain: String = "", inputs: [String], outputs: [String],
    attributes: [String: Attribute] = [:], origin: String? = nil
  ) {
    self.name = name
    self.op = op
    self.domain = domain
    self.inputs = inputs
    self.outputs = outputs
    self.attributes = attributes
    self.origin = origin
  }

  /// Whether input `index` is given.
  public func has(_ index: Int) -> Bool { index < inputs.count && !inputs[index].isEmpty }

  /// The name of input `index`, or nil when it is absent.
  public func input(_ index: Int) -> String? { has(index) ? inputs[index] : nil }
}

/// Typed access to attributes; an attribute of another type is an error that names node and attribute.
extension Node {
  /// Returns an integer attribute, or nil when it is not there.
  public func int(_ name: String) throws -> Int? {
    guard let attribute = attributes[name] else { return nil }
    guard case .int(let value) = attribute else { throw wrong(name, attribute, "int") }
    return value
  }

  /// Returns an integer attribute or its default.
  public func int(_ name: String, default value: Int) throws -> Int { try int(name) ?? value }

  /// Returns an attribute of 0 or 1 as a truth value.
  public func flag(_ name: String, default value: Bool = false) throws -> Bool {
    try int(name, default: value ? 1 : 0) != 0
  }

  /// Returns a float attribute, or nil when it is not there; an integer counts as a float.
  public func float(_ name: String) throws -> Double? {
    switch attributes[name] {
    case nil: return nil
    case .float(let value)?: return value
    case .int(let value)?: return Double(value)
    case let attribute?: throw wrong(name, attribute, "float")
    }
  }

  /// Returns a float attribute or its default.
  public func float(_ name: String, default value: Double) throws -> Double { try float(name) ?? value }

  /// Returns a list of integers, or nil when it is not there.
  public func ints(_ name: String) throws -> [Int]? {
    guard let attribute = attributes[name] else { return nil }
    guard case .ints(let value) = attribute else { throw wrong(name, attribute, "ints") }
    return value
  }

  /// Returns a list of integers or its default.
  public func ints(_ name: String, default value: [Int]) throws -> [Int] { try ints(name) ?? value }

  /// Returns a string attribute or its default.
  public func string(_ name: String, default value: String) throws -> String {
    guard let attribute = attributes[name] else { return value }
    guard case .string(let text) = attribute else { throw wrong(name, attribute, "string") }
    return text
  }

  /// Returns a tensor attribute, or nil when it is not there.
  public func tensor(_ name: String) throws -> Tensor? {
    guard let attribute = attributes[name] else { return nil }
    guard case .tensor(let value) = attribute else { throw wrong(name, attribute, "tensor") }
    return value
  }

  private func wrong(_ attribute: String, _ value: Attribute, _ expected: String) -> PareError {
    failure(.format, "attribute '\(attribute)'", argument: attribute, expected: expected, got: value.kind)
  }

  /// Makes an error that names the node and its operator.
  package func failure(
    _ code: PareError.Code, _ message: String, argument: String? = nil, expected: String? = nil, got: String? = nil,
    suggestion: String? = nil
  ) -> PareError {
    PareError(code, "\(op) '\(name)': \(message)", argument: argument, expected: expected, got: got,
              suggestion: suggestion, layer: name, op: op)
  }
}
