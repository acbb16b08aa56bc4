import Support
import Tensor

/// The position of an extreme along an axis.
protocol ArgOperator: Operator {
  /// The first position, the axis kept.
  func position(_ x: Tensor, axis: Int) throws -> Tensor
}

extension ArgOperator {
  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    guard var shape = try inputs.required(0, node).shape else { return [ValueType(.i64, nil)] }
    let axis = try normalized(node.int("axis", default: 0), rank: shape.count, node)
    if try node.flag("keepdims", default: true) { shape[axis] = 1 } else { shape.remove(at: axis) }
    return [ValueType(.i64, shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), axis = try normalized(node.int("axis", default: 0), rank: x.rank, node)
    var result: Tensor
    if try node.flag("select_last_index") {
      result = try Double(x.shape[axis] - 1) - position(x.flipped(axis: axis), axis: axis)
    } else {
      result = try position(x, axis: axis)
    }
    if try !node.flag("keepdims", default: true) { result = try result.squeezed(axis) }
    return [result]
  }
}
