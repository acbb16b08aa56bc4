import Tensor

/// The number whose hyperbolic tangent is x.
struct AtanhOperator: ElementwiseOperator {
  static let name = "Atanh"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.atanh()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(AtanhOperator.self) }
