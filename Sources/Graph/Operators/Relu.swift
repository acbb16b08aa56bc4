import Tensor

/// max(x, 0).
struct ReluOperator: ElementwiseOperator {
  static let name = "Relu"
  var precision: PrecisionPolicy { .follows }

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.relu()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReluOperator.self) }
