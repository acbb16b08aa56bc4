import Support
import Tensor

/// Running sums along an axis, which input 1 names.
struct CumSumOperator: Operator {
  static let name = "CumSum"
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    return [ValueType(x.dtype, x.shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node)
    guard let given = try inputs.required(1, node).integers().first else { throw node.failure(.format, "the axis is missing") }
    return [try x.cumsum(
      axis: normalized(given, rank: x.rank, node), exclusive: node.flag("exclusive"), reverse: node.flag("reverse"))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let rank = flow.rank(.input(0)), let given = flow.contents(1)?.first else {
      return flow.blockAll("\(node.op) '\(node.name)' sums along an axis that is not known")
    }
    let summed = try normalized(given, rank: rank, node)
    for axis in 0..<rank where axis != summed { flow.tie(.input(0), axis: axis, .output(0), axis: axis) }
    flow.free(.input(1), axis: 0)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(CumSumOperator.self) }
