import Support
import Tensor

/// One value for all spatial positions of a channel.
protocol GlobalPoolOperator: Operator {
  func pool(_ node: Node, _ x: Tensor) throws -> Tensor
}

extension GlobalPoolOperator {
  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    guard shape.count >= 3 else { throw node.failure(.shape, "input", expected: "rank 3 or more", got: "\(shape)") }
    return [ValueType(x.dtype, Array(shape.prefix(2)) + shape.dropFirst(2).map { _ in 1 })]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    [try pool(node, inputs.required(0, node))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.tie(.input(0), axis: 0, .output(0), axis: 0)
    flow.tie(.input(0), axis: 1, .output(0), axis: 1)
  }
}
