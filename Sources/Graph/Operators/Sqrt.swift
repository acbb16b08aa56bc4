import Tensor

/// The square root; NaN below 0.
struct SqrtOperator: ElementwiseOperator {
  static let name = "Sqrt"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.sqrt()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SqrtOperator.self) }
