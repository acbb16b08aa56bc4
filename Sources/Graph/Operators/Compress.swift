import Support
import Tensor

/// The positions along an axis where a condition is true; without an axis those of all elements in a row.
struct CompressOperator: Operator {
  static let name = "Compress"
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let axis = try node.int("axis") else { return [ValueType(x.dtype, [.symbol("\(node.name)_count")])] }
    guard var shape = x.shape else { return [ValueType(x.dtype, nil)] }
    shape[try normalized(axis, rank: shape.count, node)] = .symbol("\(node.name)_count")
    return [ValueType(x.dtype, shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    var x = try inputs.required(0, node)
    let condition = try inputs.required(1, node)
    let axis = try node.int("axis").map { try normalized($0, rank: x.rank, node) }
    if axis == nil { x = try x.reshaped([x.count]) }
    guard condition.rank == 1, condition.dtype == .bool, condition.count <= x.shape[axis ?? 0] else {
      throw node.failure(.shape, "condition \(condition.dtype)\(condition.shape)", expected: "bool, at most \(x.shape[axis ?? 0])")
    }
    let places = try condition.nonzeroIndices().reshaped([-1])
    return [try x.gather(axis: axis ?? 0, indices: places)]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(CompressOperator.self) }
