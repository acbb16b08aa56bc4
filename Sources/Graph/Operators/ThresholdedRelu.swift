import Support
import Tensor

/// x above alpha, else 0; alpha 1.
struct ThresholdedReluOperator: ElementwiseOperator {
  static let name = "ThresholdedRelu"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try Tensor.where(x.gt(node.float("alpha", default: 1)), x, Tensor.scalar(0, x.dtype))
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ThresholdedReluOperator.self) }
