import Support
import Tensor

/// The largest whole number that is not larger.
struct FloorOperator: ElementwiseOperator {
  static let name = "Floor"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.floor()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(FloorOperator.self) }
