import Support
import Tensor

/// log(1 + e^x), without overflow.
struct SoftplusOperator: ElementwiseOperator {
  static let name = "Softplus"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.relu() + ((-x.abs()).exp() + 1).log()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SoftplusOperator.self) }
