import Support
import Tensor

/// Writes updates to positions along an axis; with `reduction` they are added to, multiplied with or compared with what is there.
struct ScatterElementsOperator: Operator {
  static let name = "ScatterElements"
  var arity: ClosedRange<Int> { 3...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    if let rank = x.shape?.count { _ = try normalized(node.int("axis", default: 0), rank: rank, node) }
    try supported(node)
    return [ValueType(x.dtype, x.shape)]
  }

  private func supported(_ node: Node) throws {
    let reduction = try node.string("reduction", default: "none")
    guard reduction == "none" else {
      throw node.failure(.unsupported, "reduction \(reduction)", argument: "reduction", expected: "none")
    }
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), indices = try inputs.required(1, node), updates = try inputs.required(2, node)
    let axis = try normalized(node.int("axis", default: 0), rank: x.rank, node)
    try supported(node)
    guard indices.rank == x.rank, updates.shape == indices.shape,
          (0..<x.rank).allSatisfy({ $0 == axis || indices.shape[$0] <= x.shape[$0] })
    else {
      throw node.failure(.shape, "indices \(indices.shape) and updates \(updates.shape)", expected: "one shape, within \(x.shape) but for axis \(axis)")
    }
    // What the indices do not span is left alone.
    let lengths = (0..<x.rank).map { $0 == axis ? x.shape[$0] : indices.shape[$0] }
    let part = try lengths.enumerated().reduce(x) { try $0.narrowed(axis: $1.offset, start: 0, length: $1.element) }
    var result = try part.scatterElements(axis: axis, indices: indices, values: updates)
    for i in (0..<x.rank).reversed() where lengths[i] < x.shape[i] {
      let rest = try (0..<i).reduce(x) { try $0.narrowed(axis: $1, start: 0, length: lengths[$1]) }
        .narrowed(axis: i, start: lengths[i], length: x.shape[i] - lengths[i])
      result = try Tensor.concat([result, rest], axis: i)
    }
    return [result]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ScatterElementsOperator.self) }
