import Support
import Tensor

/// Ones on the k-th diagonal of a matrix of the input's shape, zeros elsewhere; of its element type unless `dtype` says another.
struct EyeLikeOperator: Operator {
  static let name = "EyeLike"

  private func dtype(_ node: Node, _ given: DType) throws -> DType {
    guard let code = try node.int("dtype") else { return given }
    return try ElementTypes.dtype(code, node, "dtype")
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    if let shape = x.shape, shape.count != 2 { throw node.failure(.shape, "input", expected: "rank 2", got: "\(shape)") }
    return [ValueType(try dtype(node, x.dtype), x.shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node)
    return [try Tensor.eye(x.shape[0], x.shape[1], diagonal: node.int("k", default: 0), dtype: dtype(node, x.dtype))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.blockAll("\(node.op) '\(node.name)' makes a matrix of fixed size") }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(EyeLikeOperator.self) }
