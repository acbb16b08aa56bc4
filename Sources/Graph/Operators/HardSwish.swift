import Tensor

/// x max(0, min(1, x/6 + 1/2)) (Howard 2019).
struct HardSwishOperator: ElementwiseOperator {
  static let name = "HardSwish"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x * (x * (1.0 / 6) + 0.5).clip(min: 0, max: 1)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(HardSwishOperator.self) }
