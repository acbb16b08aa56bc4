import Support
import Tensor

/// The opposite of a bool.
struct NotOperator: ElementwiseOperator {
  static let name = "Not"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.not()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(NotOperator.self) }
