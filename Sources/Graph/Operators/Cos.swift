import Support
import Tensor

/// The cosine.
struct CosOperator: ElementwiseOperator {
  static let name = "Cos"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.cos()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(CosOperator.self) }
