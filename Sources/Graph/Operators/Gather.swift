import Support
import Tensor

/// Takes positions of an axis by number: an embedding table is gathered along axis 0.
struct GatherOperator: Operator {
  static let name = "Gather"
  var precision: PrecisionPolicy { .follows }
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let data = try inputs.required(0, node), indices = try inputs.required(1, node)
    guard let shape = data.shape, let picked = indices.shape else { return [ValueType(data.dtype, nil)] }
    let axis = try normalized(node.int("axis", default: 0), rank: shape.count, node)
    var type = ValueType(data.dtype, Array(shape.prefix(axis)) + picked + Array(shape.dropFirst(axis + 1)))
    if let contents = data.contents, shape.count == 1, let places = indices.contents?.map(\.value) {
      let values = places.compactMap { place -> Dimension? in
        guard let place, (-contents.count..<contents.count).contains(place) else { return nil }
        return contents[place < 0 ? place + contents.count : place]
      }
      if values.count == places.count { type.contents = values }
    }
    return [type]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let data = try inputs.required(0, node), indices = try inputs.required(1, node).converted(to: .i64)
    let axis = try normalized(node.int("axis", default: 0), rank: data.rank, node)
    return [try data.gather(axis: axis, indices: indices)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let rank = flow.rank(.input(0)), let picked = flow.rank(.input(1)) else {
      return flow.blockAll("\(node.op) '\(node.name)' of unknown rank")
    }
    let taken = try normalized(node.int("axis", default: 0), rank: rank, node)
    for axis in 0..<rank {
      if axis == taken, picked == 1, let places = flow.contents(1), let size = flow.size(.input(0), axis: axis),
         flow.size(.output(0), axis: axis) == places.count, places.allSatisfy({ (-size..<size).contains($0) }) {
        // Channels in another order: each goes with its place.
        flow.tie(.input(0), axis: axis, at: places.map { $0 < 0 ? $0 + size : $0 }, .output(0), axis: axis, at: Array(places.indices))
        flow.free(.input(1), axis: 0)
      } else if axis == taken {
        flow.block(.input(0), axis: axis, "\(node.op) '\(node.name)' takes positions of axis \(axis) by number")
      } else {
        flow.tie(.input(0), axis: axis, .output(0), axis: axis < taken ? axis : axis + picked - 1)
        flow.role(.produces, input: 0, axis: axis)
      }
    }
    for axis in 0..<picked where !(picked == 1 && flow.contents(1) != nil) { flow.tie(.input(1), axis: axis, .output(0), axis: taken + axis) }
    if picked == 1 { flow.free(.input(1), axis: 0) }
  }

  /// Positions are counted anew among those that stay.
  func resized(_ node: Node, _ cut: CutContext) throws -> Resized {
    guard let rank = cut.input(0)?.shape?.count else { return Resized(node) }
    let axis = try normalized(node.int("axis", default: 0), rank: rank, node)
    guard let size = cut.input(0)?.shape?[axis].value, let kept = cut.kept(input: 0, axis: axis), let places = cut.positions(1) else {
      return Resized(node)
    }
    var numbers: [Int: Int] = [:]
    for (number, place) in kept.enumerated() { numbers[place] = number }
    let rest: [Int] = places.compactMap { numbers[$0 < 0 ? $0 + size : $0] }
    return Resized(node, constants: [1: rest])
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GatherOperator.self) }
