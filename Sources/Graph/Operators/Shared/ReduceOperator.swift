import Support
import Tensor

extension DType {
  /// What the largest of no numbers is; nil where the type has no such number.
  var least: Double? { isFloating ? -.infinity : nil }
}

extension Tensor {
  /// A reduction of no elements at all: `value` wherever the result has an element.
  func reducedFromNothing(_ axes: [Int], keeps: Bool, _ value: Double) throws -> Tensor {
    try Tensor.full(Shape(shape.indices.compactMap { axes.contains($0) ? (keeps ? 1 : nil) : shape[$0] }), value, dtype)
  }
}

/// A reduction along axes (attribute before opset 18, for ReduceSum 13, input since); all axes when none are given.
protocol ReduceOperator: Operator {
  func reduce(_ x: Tensor, _ axes: [Int], keeps: Bool) throws -> Tensor
}

extension ReduceOperator {
  var arity: ClosedRange<Int> { 1...2 }

  private func reduced(_ node: Node, _ axes: [Int]?, rank: Int) throws -> [Int] {
    let axes = axes ?? []
    if axes.isEmpty { return try node.flag("noop_with_empty_axes") ? [] : Array(0..<rank) }
    return try normalized(axes, rank: rank, node)
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    let axes = try integers("axes", input: 1, node, inputs)
    guard let shape = x.shape, axes != nil || !node.has(1) else { return [ValueType(x.dtype, nil)] }
    let gone = try reduced(node, axes, rank: shape.count)
    let keeps = try node.flag("keepdims", default: true)
    return [ValueType(x.dtype, shape.indices.compactMap { gone.contains($0) ? (keeps ? 1 : nil) : shape[$0] })]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node)
    let gone = try reduced(node, integers("axes", input: 1, node, inputs), rank: x.rank)
    // Nothing to reduce along: what else the operator does (squares, logarithms) is still done, as along an axis of one.
    guard !gone.isEmpty || x.rank == 0 else { return [try reduce(x.unsqueezed(x.rank), [x.rank], keeps: false)] }
    return [try reduce(x, gone, keeps: node.flag("keepdims", default: true))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    let axes = try node.ints("axes") ?? flow.contents(1)
    guard let rank = flow.rank(.input(0)), axes != nil || !node.has(1) else {
      return flow.blockAll("\(node.op) '\(node.name)' reduces axes that are not known")
    }
    let gone = try reduced(node, axes, rank: rank), keeps = try node.flag("keepdims", default: true)
    var target = 0
    for axis in 0..<rank {
      if gone.contains(axis) {
        flow.block(.input(0), axis: axis, "\(node.op) '\(node.name)' joins axis \(axis)")
        if keeps { target += 1 }
      } else {
        flow.tie(.input(0), axis: axis, .output(0), axis: target)
        target += 1
      }
    }
  }
}
