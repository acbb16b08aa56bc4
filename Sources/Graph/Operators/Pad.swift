import Support
import Tensor

/// Puts a constant, or what `mode` says, around a value: begins then ends per axis (attribute before opset 11, input since; `axes` since 18).
struct PadOperator: Operator {
  static let name = "Pad"
  var precision: PrecisionPolicy { .follows }
  var arity: ClosedRange<Int> { 1...4 }

  /// Begin and end for every axis.
  private func spread(_ node: Node, pads: [Int], axes: [Int]?, rank: Int) throws -> [(Int, Int)] {
    _ = try mode(node)
    let axes = try normalized(axes ?? Array(0..<rank), rank: rank, node)
    guard pads.count == 2 * axes.count, pads.allSatisfy({ abs($0) <= 1 << 24 }) else {
      throw node.failure(.shape, "pads", argument: "pads", expected: "\(2 * axes.count) numbers", got: "\(pads.count)")
    }
    var result = Array(repeating: (0, 0), count: rank)
    for (place, axis) in axes.enumerated() { result[axis] = (pads[place], pads[place + axes.count]) }
    return result
  }

  private func mode(_ node: Node) throws -> Tensor.PaddingMode {
    let text = try node.string("mode", default: "constant")
    guard let mode = Tensor.PaddingMode(rawValue: text) else {
      throw node.failure(.argument, "attribute 'mode'", argument: "mode", expected: "constant, reflect, edge or wrap", got: text)
    }
    return mode
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    guard let pads = try integers("pads", input: 1, node, inputs) else {
      return [ValueType(x.dtype, shape.indices.map { .symbol("\(node.name)_\($0)") })]
    }
    let spread = try spread(node, pads: pads, axes: integers("axes", input: 3, node, inputs), rank: shape.count)
    return [ValueType(x.dtype, try zip(shape, spread).map { size, pad in
      guard let value = size.value else { return pad == (0, 0) ? size : .symbol("\(node.name)_?") }
      guard value + pad.0 + pad.1 >= 0 else { throw node.failure(.shape, "pads \(pads) take more than \(shape) has") }
      return .fixed(value + pad.0 + pad.1)
    })]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node)
    guard let pads = try integers("pads", input: 1, node, inputs) else {
      throw node.failure(.format, "pads are missing", argument: "pads")
    }
    let spread = try spread(node, pads: pads, axes: integers("axes", input: 3, node, inputs), rank: x.rank)
    let value = try inputs.optional(2)?.item() ?? node.float("value", default: 0)
    return [try x.padded(spread.map(\.0) + spread.map(\.1), mode: mode(node), value: value)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let rank = flow.rank(.input(0)), let pads = try node.ints("pads") ?? flow.contents(1) else {
      return flow.blockAll("\(node.op) '\(node.name)' pads by amounts that are not known")
    }
    let spread = try spread(node, pads: pads, axes: flow.contents(3), rank: rank)
    for axis in 0..<rank where spread[axis] == (0, 0) { flow.tie(.input(0), axis: axis, .output(0), axis: axis) }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(PadOperator.self) }
