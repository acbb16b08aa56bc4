import Support
import Tensor

/// The smallest whole number that is not smaller.
struct CeilOperator: ElementwiseOperator {
  static let name = "Ceil"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.ceil()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(CeilOperator.self) }
