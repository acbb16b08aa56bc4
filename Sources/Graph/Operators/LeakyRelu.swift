import Tensor

/// x where positive, else alpha times x (alpha 0.01).
struct LeakyReluOperator: ElementwiseOperator {
  static let name = "LeakyRelu"
  var precision: PrecisionPolicy { .follows }

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    let alpha = try node.float("alpha", default: 0.01)
    return try Tensor.where(x.lt(0), x * alpha, x)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(LeakyReluOperator.self) }
