import Support
import Tensor

/// Normalizes each channel of each sample over its positions, then scales and shifts (Ulyanov 2016).
struct InstanceNormalizationOperator: Operator {
  static let name = "InstanceNormalization"
  var arity: ClosedRange<Int> { 3...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    try checkChannels(node, inputs, shape, shape.count > 1 ? shape[1].value : nil)
    return [ValueType(x.dtype, shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), scale = try inputs.required(1, node), shift = try inputs.required(2, node)
    guard x.rank >= 2 else { throw node.failure(.shape, "input", expected: "[N, C, ..]", got: "\(x.shape)") }
    let y = try x.groupNormalized(x.shape[1], epsilon: node.float("epsilon", default: 1e-5), node)
    return [try y * scale.perChannel(rank: x.rank) + shift.perChannel(rank: x.rank)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.tie(.input(0), axis: 0, .output(0), axis: 0)
    flow.tie(.input(0), axis: 1, .output(0), axis: 1)
    for input in 1...2 {
      flow.tie(.input(input), axis: 0, .output(0), axis: 1)
      flow.role(.follows, input: input, axis: 0)
    }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(InstanceNormalizationOperator.self) }
