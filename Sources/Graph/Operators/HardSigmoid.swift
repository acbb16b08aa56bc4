import Tensor

/// max(0, min(1, alpha x + beta)); alpha 0.2, beta 0.5.
struct HardSigmoidOperator: ElementwiseOperator {
  static let name = "HardSigmoid"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    let alpha = try node.float("alpha", default: 0.2), beta = try node.float("beta", default: 0.5)
    return try (x * alpha + beta).clip(min: 0, max: 1)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(HardSigmoidOperator.self) }
