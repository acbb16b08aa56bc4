import Tensor

/// The error function.
struct ErfOperator: ElementwiseOperator {
  static let name = "Erf"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.erf()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ErfOperator.self) }
