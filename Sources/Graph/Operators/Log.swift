import Tensor

/// The natural logarithm.
struct LogOperator: ElementwiseOperator {
  static let name = "Log"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.log()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(LogOperator.self) }
