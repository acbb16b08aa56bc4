import Support
import Tensor

/// Normalisation along an axis: Softmax and LogSoftmax.
protocol SoftmaxLike: Operator {
  func apply(_ x: Tensor, axis: Int) throws -> Tensor
}

extension SoftmaxLike {
  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    if let rank = x.shape?.count { _ = try axis(node, rank: rank, opset: context.opset) }
    return [ValueType(x.dtype, x.shape)]
  }

  private func axis(_ node: Node, rank: Int, opset: Int) throws -> Int {
    try normalized(node.int("axis", default: opset < 13 ? 1 : -1), rank: rank, node)
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), axis = try axis(node, rank: x.rank, opset: context.opset)
    guard context.opset < 13, axis != x.rank - 1 else { return [try apply(x, axis: axis)] }
    return [try apply(x.flattened(from: axis), axis: axis).reshaped(x.shape)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let rank = flow.rank(.input(0)) else { return flow.blockAll("\(node.op) '\(node.name)' of unknown rank") }
    let first = try axis(node, rank: rank, opset: flow.opset)
    flow.passThrough()
    for axis in flow.opset < 13 ? first..<rank : first..<(first + 1) {
      flow.block(.input(0), axis: axis, "\(node.op) '\(node.name)' normalises axis \(axis) jointly")
    }
  }
}
