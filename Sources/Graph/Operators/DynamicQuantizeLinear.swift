import Support
import Tensor

/// Bytes on a grid that spans the values at hand and 0: u8 values, the scale, the zero point.
struct DynamicQuantizeLinearOperator: Operator {
  static let name = "DynamicQuantizeLinear"

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    [ValueType(.u8, try inputs.required(0, node).shape), ValueType(.f32, []), ValueType(.u8, [])]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node).detached()
    guard x.count > 0 else { return [try x.converted(to: .u8), try Tensor.scalar(0), try Tensor.scalar(0, .u8)] }
    let low = min(0, Float(try x.min().item())), high = max(0, Float(try x.max().item()))
    let scale = (high - low) / 255
    // All zeros: any scale will do.
    let zero = scale > 0 ? min(max((-low / scale).rounded(.toNearestOrEven), 0), 255) : 0
    let steps = scale > 0 ? try (x / Tensor.scalar(Double(scale))).round() : x
    return [
      try (steps + Double(zero)).clip(min: 0, max: 255).converted(to: .u8), try Tensor.scalar(Double(scale)),
      try Tensor.scalar(Double(zero), .u8),
    ]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    for axis in 0..<(flow.rank(.input(0)) ?? 0) { flow.tie(.input(0), axis: axis, .output(0), axis: axis) }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(DynamicQuantizeLinearOperator.self) }
