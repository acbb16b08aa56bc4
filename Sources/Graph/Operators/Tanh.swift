import Tensor

/// The hyperbolic tangent.
struct TanhOperator: ElementwiseOperator {
  static let name = "Tanh"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.tanh()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(TanhOperator.self) }
