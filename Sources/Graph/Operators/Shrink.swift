import Tensor

/// x - bias above lambd, x + bias below -lambd, 0 between.
struct ShrinkOperator: ElementwiseOperator {
  static let name = "Shrink"

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    let bias = try node.float("bias", default: 0), lambda = try node.float("lambd", default: 0.5)
    let zero = try Tensor.scalar(0, x.dtype)
    return try Tensor.where(x.gt(lambda), x - bias, Tensor.where(x.lt(-lambda), x + bias, zero))
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ShrinkOperator.self) }
