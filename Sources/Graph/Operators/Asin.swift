import Tensor

/// The angle whose sine is x.
struct AsinOperator: ElementwiseOperator {
  static let name = "Asin"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.asin()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(AsinOperator.self) }
