import Support
import Tensor

/// Repeats axes of size 1, so that the value and the shape in input 1 spread to each other.
struct ExpandOperator: Operator {
  static let name = "Expand"
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    let given = try inputs.required(1, node)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    guard let target = given.contents else {
      // Sizes other than 1 stay; what 1 becomes is not known.
      guard let count = given.fixedShape?.first, count <= 64 else { return [ValueType(x.dtype, nil)] }
      let rank = max(count, shape.count)
      return [ValueType(x.dtype, (0..<rank).map { axis in
        let place = axis - (rank - shape.count)
        return place >= 0 && shape[place].value.map { $0 > 1 } ?? false ? shape[place] : .symbol("\(node.name)_\(axis)")
      })]
    }
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
      else { flow.tie(.input(0), axis: axis, .output(0), axis: axis + shift) }
    }
    for axis in 0..<shift { flow.free(.output(0), axis: axis) }
    for axis in sizes.indices where sizes[axis] == 1 { flow.free(.output(0), axis: axis + shift) }
    flow.free(.input(1), axis: 0)
  }

  /// Sizes written in the shape input follow a cut.
  func resized(_ node: Node, _ cut: CutContext) throws -> Resized {
    guard let target = cut.input(1)?.contents, let result = cut.output(0)?.shape, result.count >= target.count else { return Resized(node) }
    let shift = result.count - target.count
    var sizes = target.map(\.value), isChanged = false
    for (place, size) in target.enumerated() where size != 1 {
      guard let kept = cut.kept(output: 0, axis: place + shift) else { continue }
      sizes[place] = kept.count
      isChanged = true
    }
    return isChanged ? Resized(node, constants: [1: sizes]) : Resized(node)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ExpandOperator.self) }
