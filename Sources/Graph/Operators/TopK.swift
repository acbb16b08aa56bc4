import Support
import Tensor

/// The k largest (or smallest) elements along an axis, in order, and their positions.
struct TopKOperator: Operator {
  static let name = "TopK"
  var arity: ClosedRange<Int> { 1...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard var shape = x.shape else { return [ValueType(x.dtype, nil), ValueType(.i64, nil)] }
    let axis = try normalized(node.int("axis", default: -1), rank: shape.count, node)
    let k = try node.int("k") ?? inputs.optional(1)?.contents?.first?.value
    shape[axis] = k.map { .fixed($0) } ?? .symbol("\(node.name)_k")
    return [ValueType(x.dtype, shape), ValueType(.i64, shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), axis = try normalized(node.int("axis", default: -1), rank: x.rank, node)
    guard let k = try node.int("k") ?? inputs.optional(1)?.integers().first else { throw node.failure(.format, "k is missing", argument: "k") }
    let (values, indices) = try x.topk(k, axis: axis, largest: node.flag("largest", default: true))
    return [values, indices]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(TopKOperator.self) }
