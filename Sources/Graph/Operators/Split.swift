import Support
import Tensor

/// Divides a value along an axis: by given sizes (attribute before opset 13, input since), or evenly.
struct SplitOperator: Operator {
  static let name = "Split"
  var precision: PrecisionPolicy { .follows }
  var arity: ClosedRange<Int> { 1...2 }

  private func sizes(_ node: Node, _ given: [Int]?, total: Int) throws -> [Int] {
    let count = node.outputs.count
    guard let given else {
      let parts = try node.int("num_outputs", default: count)
      guard parts == count, parts > 0 else {
        throw node.failure(.argument, "attribute 'num_outputs'", argument: "num_outputs", expected: "\(count)", got: "\(parts)")
      }
      // The last part may be smaller.
      let size = (total + parts - 1) / parts, last = total - size * (parts - 1)
      guard last >= 0 else { throw node.failure(.shape, "\(total) positions do not divide into \(parts) parts") }
      return Array(repeating: size, count: parts - 1) + [last]
    }
    guard given.count == count, given.allSatisfy({ $0 >= 0 && $0 <= total }), given.reduce(0, +) == total else {
      throw node.failure(.shape, "parts \(given)", argument: "split", expected: "\(count) sizes that make \(total)")
    }
    return given
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape else { return node.outputs.map { _ in ValueType(x.dtype, nil) } }
    let axis = try normalized(node.int("axis", default: 0), rank: shape.count, node)
    let given = try integers("split", input: 1, node, inputs)
    var result = shape
    guard let total = shape[axis].value, given != nil || !node.has(1) else {
      return node.outputs.indices.map { index in
        result[axis] = .symbol("\(node.name)_\(index)")
        return ValueType(x.dtype, result)
      }
    }
    return try sizes(node, given, total: total).map { size in
      result[axis] = .fixed(size)
      return ValueType(x.dtype, result)
    }
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), axis = try normalized(node.int("axis", default: 0), rank: x.rank, node)
    let given = try integers("split", input: 1, node, inputs)
    return try x.split(axis: axis, sizes: sizes(node, given, total: x.shape[axis]))
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let rank = flow.rank(.input(0)) else { return flow.blockAll("\(node.op) '\(node.name)' of unknown rank") }
    let divided = try normalized(node.int("axis", default: 0), rank: rank, node)
    var offset = 0
    for output in 0..<flow.outputCount {
      for axis in 0..<rank where axis != divided { flow.tie(.input(0), axis: axis, .output(output), axis: axis) }
      guard let size = flow.size(.output(output), axis: divided) else {
        flow.block(.input(0), axis: divided, "\(node.op) '\(node.name)' makes parts of unknown size")
        continue
      }
      flow.tie(.input(0), axis: divided, at: Array(offset..<(offset + size)), .output(output), axis: divided, at: Array(0..<size))
      offset += size
    }
  }

  func resized(_ node: Node, _ cut: CutContext) throws -> Resized {
    guard let rank = cut.input(0)?.shape?.count else { return Resized(node) }
    let axis = try normalized(node.int("axis", default: 0), rank: rank, node)
    guard cut.kept(input: 0, axis: axis) != nil else { return Resized(node) }
    let sizes = try node.outputs.indices.map { index in
      guard let size = cut.kept(output: index, axis: axis)?.count ?? cut.output(index)?.shape?[axis].value else {
        throw node.failure(.unsupported, "the sizes of the parts are not known")
      }
      return size
    }
    if node.has(1) { return Resized(node, constants: [1: sizes]) }
    // Even parts may have become uneven: the sizes are written down, as an attribute or as a new input.
    var node = node
    if try node.ints("split") != nil || cut.opset < 13 {
      node.attributes["split"] = .ints(sizes)
      return Resized(node)
    }
    node.attributes["num_outputs"] = nil
    return Resized(node, constants: [1: sizes])
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SplitOperator.self) }
