import Support
import Tensor

/// A value written into the node.
struct ConstantOperator: Operator {
  static let name = "Constant"
  var arity: ClosedRange<Int> { 0...0 }

  /// The value, from whichever attribute holds it.
  func value(_ node: Node) throws -> Tensor {
    if let tensor = try node.tensor("value") { return tensor }
    if let value = try node.float("value_float") { return try Tensor.scalar(value) }
    if let value = try node.int("value_int") { return try Tensor([Int64(value)], shape: []) }
    if let values = try node.ints("value_ints") { return try Tensor(values.map(Int64.init), shape: [values.count]) }
    if case .floats(let values)? = node.attributes["value_floats"] {
      return try Tensor(values.map(Float.init), shape: [values.count])
    }
    throw node.failure(.unsupported, "a constant of attributes \(node.attributes.keys.sorted())")
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    [ValueType(of: try value(node))]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] { [try value(node)] }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.blockAll("\(node.op) '\(node.name)' is written into the graph")
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ConstantOperator.self) }
