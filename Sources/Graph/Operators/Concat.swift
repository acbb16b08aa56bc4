import Support
import Tensor

/// Puts values one behind another along an axis.
struct ConcatOperator: Operator {
  static let name = "Concat"
  var precision: PrecisionPolicy { .follows }
  var arity: ClosedRange<Int> { 1...Int.max }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let types = try inputs.indices.map { try inputs.required($0, node) }, dtype = types[0].dtype
    guard types.allSatisfy({ $0.dtype == dtype }) else {
      throw node.failure(.dtype, "inputs", expected: "one dtype", got: types.map(\.dtype.name).joined(separator: ", "))
    }
    let shapes = types.compactMap(\.shape)
    guard shapes.count == types.count else { return [ValueType(dtype, nil)] }
    var result = shapes[0]
    let axis = try normalized(node.int("axis", default: 1), rank: result.count, node)
    for shape in shapes.dropFirst() {
      guard shape.count == result.count else { throw node.failure(.shape, "ranks differ", got: "\(shapes)") }
      for other in result.indices where other != axis {
        if result[other].value == nil { result[other] = shape[other] }
        guard shape[other].value == nil || result[other] == shape[other] else {
          throw node.failure(.shape, "sizes beside axis \(axis) differ", got: "\(shapes)")
        }
      }
    }
    let sizes = shapes.compactMap { $0[axis].value }
    result[axis] = sizes.count == shapes.count ? .fixed(sizes.reduce(0, +)) : .symbol("\(node.name)_\(axis)")
    let contents = types.compactMap(\.contents)
    return [ValueType(dtype, result, contents: contents.count == types.count ? contents.flatMap { $0 } : nil)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let tensors = try inputs.indices.map { try inputs.required($0, node) }
    return [try Tensor.concat(tensors, axis: normalized(node.int("axis", default: 1), rank: tensors[0].rank, node))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let rank = flow.rank(.output(0)) else { return flow.blockAll("\(node.op) '\(node.name)' of unknown rank") }
    let joined = try normalized(node.int("axis", default: 1), rank: rank, node)
    var offset = 0
    for input in 0..<flow.inputCount {
      for axis in 0..<rank where axis != joined { flow.tie(.input(input), axis: axis, .output(0), axis: axis) }
      guard let size = flow.size(.input(input), axis: joined), flow.size(.output(0), axis: joined) != nil else {
        flow.block(.input(input), axis: joined, "\(node.op) '\(node.name)' joins sizes that are not known")
        flow.block(.output(0), axis: joined, "\(node.op) '\(node.name)' joins sizes that are not known")
        continue
      }
      flow.tie(.input(input), axis: joined, at: Array(0..<size), .output(0), axis: joined, at: Array(offset..<(offset + size)))
      offset += size
    }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ConcatOperator.self) }
