import Support
import Tensor

/// The scaled exponential linear unit (Klambauer 2017): gamma (x where positive, else alpha (e^x - 1)).
struct SeluOperator: ElementwiseOperator {
  static let name = "Selu"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    let alpha = try node.float("alpha", default: 1.67326319217681884765625)
    let gamma = try node.float("gamma", default: 1.05070102214813232421875)
    return try Tensor.where(x.lt(0), (x.minimum(0).exp() - 1) * alpha, x) * gamma
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SeluOperator.self) }
