import Support
import Tensor

/// The positions of the elements that are not 0: i64 `[rank, count]`.
struct NonZeroOperator: Operator {
  static let name = "NonZero"

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    guard let rank = try inputs.required(0, node).shape?.count else { return [ValueType(.i64, nil)] }
    return [ValueType(.i64, [.fixed(rank), .symbol("\(node.name)_count")])]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] { [try inputs.required(0, node).nonzeroIndices()] }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(NonZeroOperator.self) }
