import Tensor

/// The number whose hyperbolic sine is x.
struct AsinhOperator: ElementwiseOperator {
  static let name = "Asinh"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    try x.asinh()
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(AsinhOperator.self) }
