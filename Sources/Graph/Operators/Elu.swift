import Support
import Tensor

/// x where positive, else alpha (e^x - 1); alpha 1 (Clevert 2016).
struct EluOperator: ElementwiseOperator {
  static let name = "Elu"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    return try Tensor.where(x.lt(0), (x.minimum(0).exp() - 1) * node.float("alpha", default: 1), x)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(EluOperator.self) }
