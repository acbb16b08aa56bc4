import Tensor

/// The tangent.
struct TanOperator: ElementwiseOperator {
  static let name = "Tan"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.tan()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(TanOperator.self) }
