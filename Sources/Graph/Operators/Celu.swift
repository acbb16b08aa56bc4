import Support
import Tensor

/// max(0, x) + min(0, alpha (e^(x / alpha) - 1)); alpha 1 (Barron 2017).
struct CeluOperator: ElementwiseOperator {
  static let name = "Celu"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    let alpha = try node.float("alpha", default: 1)
    guard alpha != 0 else { throw node.failure(.argument, "attribute 'alpha'", argument: "alpha", expected: "not 0") }
    return try Tensor.where(x.lt(0), ((x.minimum(0) / alpha).exp() - 1) * alpha, x)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(CeluOperator.self) }
