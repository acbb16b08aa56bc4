import Tensor

/// The hyperbolic sine.
struct SinhOperator: ElementwiseOperator {
  static let name = "Sinh"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.sinh()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SinhOperator.self) }
