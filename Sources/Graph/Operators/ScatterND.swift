import Support
import Tensor

/// Writes elements or slices to positions that the last axis of the indices names; with `reduction` they are combined with
/// what is there, else of several to one place the last stays.
struct ScatterNDOperator: Operator {
  static let name = "ScatterND"
  var arity: ClosedRange<Int> { 3...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    _ = try reduction(node)
    return [ValueType(x.dtype, x.shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    [try inputs.required(0, node).scatterND(
      indices: inputs.required(1, node), values: inputs.required(2, node), reduction: reduction(node))]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ScatterNDOperator.self) }
