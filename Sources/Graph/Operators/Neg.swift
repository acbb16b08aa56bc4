import Tensor

/// -x.
struct NegOperator: ElementwiseOperator {
  static let name = "Neg"
  var precision: PrecisionPolicy { .follows }

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.neg()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(NegOperator.self) }
