import Support
import Tensor

/// Divides by the 1- or 2-norm along an axis.
struct LpNormalizationOperator: Operator {
  static let name = "LpNormalization"

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    if let rank = x.shape?.count { _ = try normalized(node.int("axis", default: -1), rank: rank, node) }
    return [ValueType(x.dtype, x.shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), axis = try normalized(node.int("axis", default: -1), rank: x.rank, node)
    let p = try node.int("p", default: 2)
    guard p == 1 || p == 2 else { throw node.failure(.argument, "attribute 'p'", argument: "p", expected: "1 or 2", got: "\(p)") }
    let length = try x.norm(Double(p), axes: [axis], keepDims: true)
    return [try x / Tensor.where(length.eq(0), Tensor.scalar(1, x.dtype), length)]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(LpNormalizationOperator.self) }
