import Tensor

/// The number whose hyperbolic cosine is x.
struct AcoshOperator: ElementwiseOperator {
  static let name = "Acosh"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.acosh()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(AcoshOperator.self) }
