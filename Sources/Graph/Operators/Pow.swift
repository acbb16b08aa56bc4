import Tensor

/// a to the power b; a scalar exponent may have another dtype than the base.
struct PowOperator: BinaryOperator {
  static let name = "Pow"

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let a = try inputs.required(0, node), b = try inputs.required(1, node)
    guard let x = a.shape, let y = b.shape else { return [ValueType(a.dtype, nil)] }
    return [ValueType(a.dtype, try broadcast(x, y, node))]
  }

  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor {
    if b.count == 1, !b.isTracked, b.rank <= a.rank { return try a.pow(b.item()) }
    return try a.pow(b.converted(to: a.dtype))
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(PowOperator.self) }
