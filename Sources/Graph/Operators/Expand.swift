import Support
import Tensor

/// Repeats axes of size 1, so that the value and the shape in input 1 spread to each other.
struct ExpandOperator: Operator {
  static let name = "Expand"
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape, let target = try inputs.required(1, node).contents else { return [ValueType(x.dtype, nil)] }
    return [ValueType(x.dtype, try broadcast(shape, target, node))]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), sizes = try inputs.required(1, node).integers()
    guard sizes.allSatisfy({ $0 >= 0 }) else { throw node.failure(.shape, "shape \(sizes)", expected: "sizes from 0") }
    let target = try broadcast(x.shape.map { .fixed($0) }, sizes.map { .fixed($0) }, node)
    return [try x.expanded(to: Shape(target.compactMap(\.value)))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let result = flow.shape(.output(0)), let sizes = flow.shape(.input(0)) else {
      return flow.blockAll("\(node.op) '\(node.name)' of unknown shape")
    }
    let shift = result.count - sizes.count
    for axis in sizes.indices {
      if sizes[axis] == 1 && result[axis + shift] != 1 { flow.free(.input(0), axis: axis) }
      else if sizes[axis] == 1 { flow.tie(.input(0), axis: axis, .output(0), axis: axis + shift) }
      // Another size is written in the shape input, which a cut would have to change.
    }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ExpandOperator.self) }
