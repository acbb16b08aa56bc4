import Tensor

/// The absolute value.
struct AbsOperator: ElementwiseOperator {
  static let name = "Abs"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.abs()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(AbsOperator.self) }
