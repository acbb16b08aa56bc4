import Support
import Tensor

/// The mean over all spatial positions: `[N, C, H, W]` to `[N, C, 1, 1]`.
struct GlobalAveragePoolOperator: Operator {
  static let name = "GlobalAveragePool"

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    guard shape.count >= 3 else { throw node.failure(.shape, "input", expected: "rank 3 or more", got: "\(shape)") }
    return [ValueType(x.dtype, Array(shape.prefix(2)) + shape.dropFirst(2).map { _ in 1 })]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node)
    return [try x.rank == 4 ? x.globalAveragePool() : x.mean(axes: Array(2..<x.rank), keepDims: true)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.tie(.input(0), axis: 0, .output(0), axis: 0)
    flow.tie(.input(0), axis: 1, .output(0), axis: 1)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GlobalAveragePoolOperator.self) }
