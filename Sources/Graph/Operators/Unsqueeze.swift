import Support
import Tensor

/// Puts in axes of size 1 at the given places of the result (attribute before opset 13, input since).
struct UnsqueezeOperator: Operator {
  static let name = "Unsqueeze"
  var precision: PrecisionPolicy { .follows }
  var arity: ClosedRange<Int> { 1...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape, let axes = try integers("axes", input: 1, node, inputs) else { return [ValueType(x.dtype, nil)] }
    let result = try inserted(axes, into: shape, one: .fixed(1), node)
    return [ValueType(x.dtype, result, contents: result.count == 1 ? x.contents : nil)]
  }

  private func inserted<T>(_ axes: [Int], into shape: [T], one: T, _ node: Node) throws -> [T] {
    let rank = shape.count + axes.count, places = Set(try normalized(axes, rank: rank, node))
    var rest = shape[...]
    return (0..<rank).map { places.contains($0) ? one : rest.removeFirst() }
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node)
    guard let axes = try integers("axes", input: 1, node, inputs) else {
      throw node.failure(.format, "axes are missing", argument: "axes")
    }
    return [try x.reshaped(.init(inserted(axes, into: x.shape.dimensions, one: 1, node)))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.reshape(node) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(UnsqueezeOperator.self) }
