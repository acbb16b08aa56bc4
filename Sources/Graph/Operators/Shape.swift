import Tensor

/// The sizes of a value as an i64 vector; `start` and `end` choose axes since opset 15.
struct ShapeOperator: Operator {
  static let name = "Shape"

  private func axes(_ node: Node, rank: Int) throws -> Range<Int> {
    func clamped(_ place: Int) -> Int { min(max(place < 0 ? place + rank : place, 0), rank) }
    let start = clamped(max(try node.int("start", default: 0), -rank)), end = clamped(max(try node.int("end", default: rank), -rank))
    return start..<max(start, end)
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    guard let shape = try inputs.required(0, node).shape else { return [ValueType(.i64, nil)] }
    let chosen = Array(shape[try axes(node, rank: shape.count)])
    return [ValueType(.i64, [.fixed(chosen.count)], contents: chosen)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let sizes = try inputs.required(0, node).shape.dimensions
    let chosen = sizes[try axes(node, rank: sizes.count)].map(Int64.init)
    return [try Tensor(chosen, shape: [chosen.count])]
  }

  /// Sizes follow the cut by themselves.
  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    for axis in 0..<(flow.rank(.input(0)) ?? 0) { flow.free(.input(0), axis: axis) }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ShapeOperator.self) }
