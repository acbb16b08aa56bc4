import Support
import Tensor

/// x tanh(log(1 + e^x)) (Misra 2019).
struct MishOperator: ElementwiseOperator {
  static let name = "Mish"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x * (x.relu() + ((-x.abs()).exp() + 1).log()).tanh()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(MishOperator.self) }
