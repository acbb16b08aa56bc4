import Support
import Tensor

/// Converts elements to another type; `to` is ONNX's number of it.
struct CastOperator: Operator {
  static let name = "Cast"

  private func target(_ node: Node) throws -> DType {
    guard let code = try node.int("to") else { throw node.failure(.format, "attribute 'to' is missing", argument: "to") }
    return try ElementTypes.dtype(code, node, "to")
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), target = try target(node)
    let isInteger = [DType.i64, .i32].contains(target) && [DType.i64, .i32, .bool].contains(x.dtype)
    return [ValueType(target, x.shape, contents: isInteger ? x.contents : nil)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    [try inputs.required(0, node).converted(to: target(node))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.passThrough() }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(CastOperator.self) }
