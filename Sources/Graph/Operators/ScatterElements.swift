import Support
import Tensor

/// Writes updates to positions along an axis; with `reduction` they are added to, multiplied with or compared with what is there.
struct ScatterElementsOperator: Operator {
  static let name = "ScatterElements"
  var arity: ClosedRange<Int> { 3...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    if let rank = x.shape?.count { _ = try normalized(node.int("axis", default: 0), rank: rank, node) }
    _ = try reduction(node)
    return [ValueType(x.dtype, x.shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), axis = try normalized(node.int("axis", default: 0), rank: x.rank, node)
    return [try x.scatterElements(
      axis: axis, indices: inputs.required(1, node), values: inputs.required(2, node), reduction: reduction(node))]
  }
}

/// The attribute `reduction` of the scattering operators.
func reduction(_ node: Node) throws -> Tensor.ScatterReduction {
  let text = try node.string("reduction", default: "none")
  guard let reduction = Tensor.ScatterReduction(rawValue: text) else {
    throw node.failure(.argument, "attribute 'reduction'", argument: "reduction", expected: "none, add, mul, max or min", got: text)
  }
  return reduction
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ScatterElementsOperator.self) }
