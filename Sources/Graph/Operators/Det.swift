import Support
import Tensor

/// The determinants of square matrices, the last two axes.
struct DetOperator: Operator {
  static let name = "Det"

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    guard shape.count >= 2 else { throw node.failure(.shape, "input", expected: "rank 2 or more", got: "\(shape)") }
    if let rows = shape[shape.count - 2].value, let columns = shape[shape.count - 1].value, rows != columns {
      throw node.failure(.shape, "input", expected: "square matrices", got: "\(shape)")
    }
    return [ValueType(x.dtype, Array(shape.dropLast(2)))]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    [try inputs.required(0, node).determinant()]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    for axis in 0..<max(0, (flow.rank(.input(0)) ?? 0) - 2) { flow.tie(.input(0), axis: axis, .output(0), axis: axis) }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(DetOperator.self) }
