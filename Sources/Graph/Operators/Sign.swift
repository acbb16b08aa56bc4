import Support
import Tensor

/// -1, 0 or 1.
struct SignOperator: ElementwiseOperator {
  static let name = "Sign"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.sign()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SignOperator.self) }
