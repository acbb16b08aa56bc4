import Support
import Tensor

/// The sine.
struct SinOperator: ElementwiseOperator {
  static let name = "Sin"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.sin()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SinOperator.self) }
