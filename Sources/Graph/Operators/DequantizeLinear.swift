import Support
import Tensor

/// (x - zero point) times scale, per tensor or along an axis.
struct DequantizeLinearOperator: Operator {
  static let name = "DequantizeLinear"
  var arity: ClosedRange<Int> { 2...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    [ValueType(try inputs.required(1, node).dtype, try inputs.required(0, node).shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), grid = try Grid(node, inputs, sizes: x.shape, default: x.dtype)
    if x.dtype.isFloating {
      return [try (x - grid.zero.converted(to: x.dtype)) * grid.scale.converted(to: x.dtype)]
    }
    return [try ((x.converted(to: .f32) - grid.zero) * grid.scale).converted(to: inputs.required(1, node).dtype)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { try flow.grid(node) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(DequantizeLinearOperator.self) }
