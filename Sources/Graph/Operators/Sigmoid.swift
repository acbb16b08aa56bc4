import Tensor

/// 1 / (1 + exp(-x)).
struct SigmoidOperator: ElementwiseOperator {
  static let name = "Sigmoid"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.sigmoid()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SigmoidOperator.self) }
