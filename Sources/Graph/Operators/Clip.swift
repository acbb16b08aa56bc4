import Support
import Tensor

/// min(max(x, low), high); limits are attributes before opset 11 and optional inputs since.
struct ClipOperator: ElementwiseOperator {
  static let name = "Clip"
  var precision: PrecisionPolicy { .follows }
  var arity: ClosedRange<Int> { 1...3 }

  func apply(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ context: ExecutionContext) throws -> Tensor {
    let low = try inputs.optional(1)?.item() ?? node.float("min") ?? -Double.infinity
    let high = try inputs.optional(2)?.item() ?? node.float("max") ?? Double.infinity
    return try x.clip(min: low, max: high)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ClipOperator.self) }
