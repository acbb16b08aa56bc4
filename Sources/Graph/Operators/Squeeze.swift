import Support
import Tensor

/// Removes axes of size 1: those given (attribute before opset 13, input since), or all.
struct SqueezeOperator: Operator {
  static let name = "Squeeze"
  var precision: PrecisionPolicy { .follows }
  var arity: ClosedRange<Int> { 1...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    let gone: [Int]
    if let axes = try integers("axes", input: 1, node, inputs) {
      gone = try normalized(axes, rank: shape.count, node)
      for axis in gone where shape[axis].value ?? 1 != 1 {
        throw node.failure(.shape, "axis \(axis) of \(shape) is not of size 1", argument: "axes")
      }
    } else if node.has(1) || shape.contains(where: { $0.value == nil }) {
      return [ValueType(x.dtype, nil)]
    } else {
      gone = shape.indices.filter { shape[$0] == 1 }
    }
    return [ValueType(x.dtype, shape.indices.filter { !gone.contains($0) }.map { shape[$0] }, contents: x.contents)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node)
    let all = x.shape.indices.filter { x.shape[$0] == 1 }
    let gone = try integers("axes", input: 1, node, inputs).map { try normalized($0, rank: x.rank, node) } ?? Array(all)
    for axis in gone where x.shape[axis] != 1 {
      throw node.failure(.shape, "axis \(axis) of \(x.shape.dimensions) is not of size 1", argument: "axes")
    }
    return [try x.reshaped(.init(x.shape.indices.filter { !gone.contains($0) }.map { x.shape[$0] }))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.reshape(node) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SqueezeOperator.self) }
