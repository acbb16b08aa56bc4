import Support
import Tensor

/// Zeroes a share of the elements while a model is trained and scales the rest; the identity otherwise.
///
/// The ratio is an attribute before opset 12 and an input since (default 0.5). Which elements go depends on the run's
/// seed and the layer's name alone.
struct DropoutOperator: Operator {
  static let name = "Dropout"
  var precision: PrecisionPolicy { .follows }
  var arity: ClosedRange<Int> { 1...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    let mask = ValueType(context.opset < 10 ? x.dtype : .bool, x.shape)
    return Array([ValueType(x.dtype, x.shape), mask].prefix(max(1, node.outputs.count)))
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node)
    let ratio = try inputs.optional(1)?.item() ?? node.float("ratio", default: 0.5)
    guard (0..<1).contains(ratio) else { throw node.failure(.argument, "ratio \(ratio)", argument: "ratio", expected: "0 up to, but not, 1") }
    guard try context.isTraining || ratio == 0 || inputs.optional(2)?.item() ?? 0 == 0 else {
      throw node.failure(.unsupported, "training_mode outside of training", argument: "training_mode", expected: "false",
                         suggestion: "export the model in inference mode")
    }
    let maskType: DType = context.opset < 10 ? x.dtype : .bool
    guard context.isTraining, ratio > 0 else {
      return node.outputs.count > 1 ? [x, try Tensor.ones(x.shape, maskType)] : [x]
    }
    let drawn = try Tensor.rand(x.shape, seed: context.seed, stream: Philox.stream(named: node.name))
    let kept = try drawn.ge(ratio)
    let scaled = try x * kept.converted(to: x.dtype) * (1 / (1 - ratio))
    return node.outputs.count > 1 ? [scaled, try kept.converted(to: maskType)] : [scaled]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.passThrough() }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(DropoutOperator.self) }
