import Tensor

/// The hyperbolic cosine.
struct CoshOperator: ElementwiseOperator {
  static let name = "Cosh"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.cosh()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(CoshOperator.self) }
