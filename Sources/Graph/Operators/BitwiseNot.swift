import Tensor

/// The opposite bits of integers.
struct BitwiseNotOperator: ElementwiseOperator {
  static let name = "BitwiseNot"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.bitNot()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(BitwiseNotOperator.self) }
