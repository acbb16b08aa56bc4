import Tensor

/// e to the x.
struct ExpOperator: ElementwiseOperator {
  static let name = "Exp"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.exp()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ExpOperator.self) }
