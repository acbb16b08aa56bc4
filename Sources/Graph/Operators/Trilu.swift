import Support
import Tensor

/// Keeps the upper (or lower) triangle of the last two axes from the k-th diagonal on; the rest becomes 0.
struct TriluOperator: Operator {
  static let name = "Trilu"
  var arity: ClosedRange<Int> { 1...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    if let shape = x.shape, shape.count < 2 { throw node.failure(.shape, "input", expected: "rank 2 or more", got: "\(shape)") }
    return [ValueType(x.dtype, x.shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), k = try inputs.optional(1)?.integers().first ?? 0
    guard x.rank >= 2 else { throw node.failure(.shape, "input", expected: "rank 2 or more", got: "\(x.shape)") }
    let rows = try Tensor.arange(first: Double(k), count: x.shape[x.rank - 2], dtype: .f64).reshaped([-1, 1])
    let columns = try Tensor.arange(count: x.shape[x.rank - 1], dtype: .f64)
    let keeps = try node.flag("upper", default: true) ? rows.le(columns) : rows.ge(columns)
    return [try Tensor.where(keeps, x, Tensor.scalar(0, x.dtype))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    let rank = flow.rank(.input(0)) ?? 0
    for axis in 0..<max(0, rank - 2) { flow.tie(.input(0), axis: axis, .output(0), axis: axis) }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(TriluOperator.self) }
