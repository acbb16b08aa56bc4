import Support
import Tensor

/// Normalizes all axes from `axis` on to mean 0 and deviation 1, then scales and shifts (Ba 2016).
struct LayerNormalizationOperator: Operator {
  static let name = "LayerNormalization"
  var arity: ClosedRange<Int> { 2...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape else { return node.outputs.map { _ in ValueType(x.dtype, nil) } }
    let axis = try normalized(node.int("axis", default: -1), rank: shape.count, node)
    for index in 1...2 {
      guard let sizes = inputs.optional(index)?.shape else { continue }
      guard try broadcast(shape, sizes, node).count == shape.count else {
        throw node.failure(.shape, "input \(index)", expected: "something that spreads to \(Array(shape[axis...]))", got: "\(sizes)")
      }
    }
    let kept = shape.indices.map { $0 < axis ? shape[$0] : 1 }
    return [ValueType(x.dtype, shape), ValueType(.f32, kept), ValueType(.f32, kept)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), axis = try normalized(node.int("axis", default: -1), rank: x.rank, node)
    let axes = Array(axis..<x.rank)
    let mean = try x.mean(axes: axes, keepDims: true), centred = try x - mean
    let inverse = try (centred.square().mean(axes: axes, keepDims: true) + node.float("epsilon", default: 1e-5)).rsqrt()
    var y = try centred * inverse * inputs.required(1, node)
    if let shift = inputs.optional(2) { y = try y + shift }
    return [y, mean, inverse]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let rank = flow.rank(.input(0)) else { return flow.blockAll("\(node.op) '\(node.name)' of unknown rank") }
    let first = try normalized(node.int("axis", default: -1), rank: rank, node)
    for axis in 0..<rank {
      if axis < first {
        for output in 0..<flow.outputCount { flow.tie(.input(0), axis: axis, .output(output), axis: axis) }
      } else {
        let reason = "\(node.op) '\(node.name)' normalises axis \(axis) jointly"
        flow.block(.input(0), axis: axis, reason)
        for output in 0..<flow.outputCount { flow.block(.output(output), axis: axis, reason) }
      }
    }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(LayerNormalizationOperator.self) }
