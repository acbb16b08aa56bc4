import Tensor

/// The Gaussian error linear unit (Hendrycks 2016): exact by erf, or approximated by tanh.
struct GeluOperator: ElementwiseOperator {
  static let name = "Gelu"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    if try node.string("approximate", default: "none") == "tanh" {
      let inner = try (x + x * x * x * 0.044715) * (2 / Double.pi).squareRoot()
      return try x * 0.5 * (inner.tanh() + 1)
    }
    return try x * 0.5 * ((x * 0.5.squareRoot()).erf() + 1)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GeluOperator.self) }
