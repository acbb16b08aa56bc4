import Support
import Tensor

/// Repeats the value along each axis, as often as input 1 says.
struct TileOperator: Operator {
  static let name = "Tile"
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    guard let repeats = try integers("repeats", input: 1, node, inputs) else {
      return [ValueType(x.dtype, shape.indices.map { .symbol("\(node.name)_\($0)") })]
    }
    guard repeats.count == shape.count, repeats.allSatisfy({ $0 >= 0 }) else {
      throw node.failure(.shape, "repeats \(repeats)", argument: "repeats", expected: "\(shape.count) numbers from 0")
    }
    return [ValueType(x.dtype, try zip(shape, repeats).enumerated().map { axis, pair in
      guard let size = pair.0.value else { return pair.1 == 1 ? pair.0 : .symbol("\(node.name)_\(axis)") }
      return .fixed(try checkedProduct([size, pair.1], node))
    })]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] { [try inputs.required(0, node).tiled(inputs.required(1, node).integers())] }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let rank = flow.rank(.input(0)), let repeats = flow.contents(1), repeats.count == rank else {
      return flow.blockAll("\(node.op) '\(node.name)' repeats by numbers that are not known")
    }
    for axis in 0..<rank {
      guard repeats[axis] > 1, let size = flow.size(.input(0), axis: axis) else {
        if repeats[axis] == 1 { flow.tie(.input(0), axis: axis, .output(0), axis: axis) }
        continue
      }
      let positions = Array(0..<(size * repeats[axis]))
      flow.tie(.input(0), axis: axis, at: positions.map { $0 % size }, .output(0), axis: axis, at: positions)
    }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(TileOperator.self) }
