import Support
import Tensor

/// x / (1 + |x|).
struct SoftsignOperator: ElementwiseOperator {
  static let name = "Softsign"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x / (x.abs() + 1)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SoftsignOperator.self) }
