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

  /// The bounds where they are constants of the model, the lower below the upper; nil for others.
  static func range(of node: Node, in model: Model) throws -> ClosedRange<Double>? {
    func bound(_ index: Int, _ attribute: String, default open: Double) throws -> Double? {
      guard let name = node.input(index) else { return try node.float(attribute) ?? open }
      guard let parameter = model.parameters[name], !parameter.isTrainable, parameter.shape.count == 1 else { return nil }
      return try parameter.value.dense().item()
    }
    guard let low = try bound(1, "min", default: -.infinity), let high = try bound(2, "max", default: .infinity), low < high
    else { return nil }
    return low...high
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ClipOperator.self) }
