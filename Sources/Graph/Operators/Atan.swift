import Tensor

/// The angle whose tangent is x.
struct AtanOperator: ElementwiseOperator {
  static let name = "Atan"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.atan()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(AtanOperator.self) }
