import Support
import Tensor

/// Normalizes groups of channels (Wu 2018); scale and shift per channel since opset 21, per group before.
struct GroupNormalizationOperator: Operator {
  static let name = "GroupNormalization"
  var arity: ClosedRange<Int> { 3...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), groups = try node.int("num_groups", default: 0)
    guard groups >= 1 else { throw node.failure(.argument, "attribute 'num_groups'", argument: "num_groups", expected: "1 or more") }
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    try checkChannels(node, inputs, shape, context.opset < 21 ? groups : shape.count > 1 ? shape[1].value : nil)
    return [ValueType(x.dtype, shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), groups = try node.int("num_groups", default: 0)
    let y = try x.groupNormalized(groups, epsilon: node.float("epsilon", default: 1e-5), node)
    func spread(_ p: Tensor) throws -> Tensor {
      guard p.count != x.shape[1] else { return try p.perChannel(rank: x.rank) }
      return try p.reshaped([p.count, 1] as Shape).expanded(to: [p.count, x.shape[1] / max(1, p.count)]).reshaped([x.shape[1]] as Shape).perChannel(rank: x.rank)
    }
    return [try y * spread(inputs.required(1, node)) + spread(inputs.required(2, node))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.tie(.input(0), axis: 0, .output(0), axis: 0)
    flow.block(.input(0), axis: 1, "\(node.op) '\(node.name)' normalises groups of channels jointly")
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GroupNormalizationOperator.self) }
