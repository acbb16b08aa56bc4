import Tensor

/// The angle whose cosine is x.
struct AcosOperator: ElementwiseOperator {
  static let name = "Acos"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.acos()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(AcosOperator.self) }
