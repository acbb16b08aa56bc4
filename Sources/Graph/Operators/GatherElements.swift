import Support
import Tensor

/// Takes one element per position of the indices along an axis.
struct GatherElementsOperator: Operator {
  static let name = "GatherElements"
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), indices = try inputs.required(1, node)
    if let rank = x.shape?.count {
      _ = try normalized(node.int("axis", default: 0), rank: rank, node)
      if let other = indices.shape?.count, other != rank {
        throw node.failure(.shape, "indices", expected: "rank \(rank)", got: "rank \(other)")
      }
    }
    return [ValueType(x.dtype, indices.shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), indices = try inputs.required(1, node)
    let axis = try normalized(node.int("axis", default: 0), rank: x.rank, node)
    guard indices.rank == x.rank else { throw node.failure(.shape, "indices", got: "\(indices.shape)") }
    // Only the axis may be longer in the indices; the others are cut to them.
    let part = try (0..<x.rank).reduce(x) { part, i in
      i == axis || indices.shape[i] >= x.shape[i] ? part : try part.narrowed(axis: i, start: 0, length: indices.shape[i])
    }
    return [try part.gatherElements(axis: axis, indices: indices)]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GatherElementsOperator.self) }
