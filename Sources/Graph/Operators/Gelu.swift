import Tensor

/// The Gaussian error linear unit (Hendrycks 2016): exact by erf, or approximated by tanh.
struct GeluOperator: ElementwiseOperator {
  static let name = "Gelu"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.gelu(node.string("approximate", default: "none") == "tanh" ? .tanh : .none)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GeluOperator.self) }
