import Tensor

/// 1 / x.
struct ReciprocalOperator: ElementwiseOperator {
  static let name = "Reciprocal"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.reciprocal()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReciprocalOperator.self) }
