import Support
import Tensor

/// The first `sequence_lens[b]` steps of each sequence in reverse order, the rest as it is.
struct ReverseSequenceOperator: Operator {
  static let name = "ReverseSequence"
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    if let rank = x.shape?.count { _ = try axes(node, rank) }
    return [ValueType(x.dtype, x.shape)]
  }

  private func axes(_ node: Node, _ rank: Int) throws -> (batch: Int, time: Int) {
    let batch = try node.int("batch_axis", default: 1), time = try node.int("time_axis", default: 0)
    guard batch != time, [batch, time].sorted() == [0, 1], rank >= 2 else {
      throw node.failure(.argument, "axes \(batch) and \(time) of rank \(rank)", argument: "time_axis", expected: "0 and 1 in either order")
    }
    return (batch, time)
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), lengths = try inputs.required(1, node).integers(), (batch, time) = try axes(node, x.rank)
    let steps = x.shape[time], count = x.shape[batch]
    guard lengths.count == count, lengths.allSatisfy({ (0...steps).contains($0) }) else {
      throw node.failure(.shape, "lengths \(lengths)", argument: "sequence_lens", expected: "\(count) numbers up to \(steps)")
    }
    // One row per sequence of the steps that stand there afterwards.
    let sources = lengths.flatMap { length in (0..<steps).map { Int64($0 < length ? length - 1 - $0 : $0) } }
    let rows = try Tensor(sources, shape: [count, steps])
    let indices = try (batch == 0 ? rows : rows.transposed(0, 1)).reshaped(Array(x.shape[..<2]) + Array(repeating: 1, count: x.rank - 2))
    return [try x.gatherElements(axis: time, indices: indices.expanded(to: x.shape))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let rank = flow.rank(.input(0)) else { return flow.blockAll("\(node.op) '\(node.name)' of unknown rank") }
    let (batch, _) = try axes(node, rank)
    for axis in 2..<max(2, rank) { flow.tie(.input(0), axis: axis, .output(0), axis: axis) }
    flow.tie(.input(0), axis: batch, .output(0), axis: batch)
    flow.tie(.input(1), axis: 0, .output(0), axis: batch)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReverseSequenceOperator.self) }
