import Support
import Tensor

/// round(x / scale) + zero point, half to even, held within the integers of the zero point's type (u8 without one).
///
/// While the input is tracked the result stays floating (whole numbers), and the gradient passes straight through where
/// nothing was clipped: quantization-aware training (Jacob 2018).
struct QuantizeLinearOperator: Operator {
  static let name = "QuantizeLinear"
  var arity: ClosedRange<Int> { 2...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    [ValueType(try inputs.optional(2)?.dtype ?? target(node), try inputs.required(0, node).shape)]
  }

  /// Without a zero point an attribute of opset 21 may name the type.
  private func target(_ node: Node) throws -> DType {
    let code = try node.int("output_dtype", default: 0)
    return code == 0 ? .u8 : try ElementTypes.dtype(code, node, "output_dtype")
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), grid = try Grid(node, inputs, sizes: x.shape, default: target(node))
    let limits = try Grid.limits(grid.dtype, node)
    func rounded(_ x: Tensor) throws -> Tensor {
      try ((x.converted(to: .f32) / grid.scale).round() + grid.zero).clip(min: limits.lowerBound, max: limits.upperBound)
    }
    guard x.isTracked else { return [try rounded(x).converted(to: grid.dtype)] }
    let scale = grid.scale, zero = grid.zero
    return [try Tensor.custom(inputs: [x], forward: { try rounded($0[0]).converted(to: x.dtype) }, gradient: { gradient, inputs, _ in
      let position = try inputs[0].converted(to: .f32) / scale + zero
      // Half a step beyond the last integer still rounds onto it.
      let inside = try position.ge(limits.lowerBound - 0.5).converted(to: gradient.dtype)
        * position.le(limits.upperBound + 0.5).converted(to: gradient.dtype)
      return [try gradient * inside / scale.converted(to: gradient.dtype)]
    })]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { try flow.grid(node) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(QuantizeLinearOperator.self) }
