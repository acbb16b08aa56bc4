import Support
import Tensor

/// A new axis of `depth` positions with the "on" value where the index points, the "off" value elsewhere.
struct OneHotOperator: Operator {
  static let name = "OneHot"
  var arity: ClosedRange<Int> { 3...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let indices = try inputs.required(0, node), values = try inputs.required(2, node)
    guard var shape = indices.shape else { return [ValueType(values.dtype, nil)] }
    let axis = try normalized(node.int("axis", default: -1), rank: shape.count + 1, node)
    shape.insert(try inputs.required(1, node).contents?.first ?? .symbol("\(node.name)_depth"), at: axis)
    return [ValueType(values.dtype, shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let indices = try inputs.required(0, node).converted(to: .i64), values = try inputs.required(2, node)
    guard let depth = try inputs.required(1, node).integers().first, depth >= 1, depth <= 1 << 40, values.count == 2, values.rank == 1 else {
      throw node.failure(.shape, "depth and values", expected: "a depth from 1, and off and on")
    }
    let axis = try normalized(node.int("axis", default: -1), rank: indices.rank + 1, node)
    // What lies outside is off everywhere; negative indices count from the end.
    let wrapped = try Tensor.where(indices.lt(0), indices + Double(depth), indices).unsqueezed(axis)
    var sizes = [Int](repeating: 1, count: wrapped.rank)
    sizes[axis] = depth
    let positions = try Tensor.arange(count: depth, dtype: .f64).converted(to: .i64).reshaped(Shape(sizes))
    return [try Tensor.where(wrapped.eq(positions), values.select(axis: 0, index: 1), values.select(axis: 0, index: 0))]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(OneHotOperator.self) }
