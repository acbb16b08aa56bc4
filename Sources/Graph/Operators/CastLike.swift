import Support
import Tensor

/// Converts the elements of input 0 to the type of input 1.
struct CastLikeOperator: Operator {
  static let name = "CastLike"
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    [ValueType(try inputs.required(1, node).dtype, try inputs.required(0, node).shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    [try inputs.required(0, node).converted(to: inputs.required(1, node).dtype)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    for axis in 0..<(flow.rank(.input(0)) ?? 0) { flow.tie(.input(0), axis: axis, .output(0), axis: axis) }
    for axis in 0..<(flow.rank(.input(1)) ?? 0) { flow.free(.input(1), axis: axis) }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(CastLikeOperator.self) }
