import Support
import Tensor

/// The nearest whole number, halves to the even one.
struct RoundOperator: ElementwiseOperator {
  static let name = "Round"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.round()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(RoundOperator.self) }
