import Support
import Tensor

/// Pooling over one to three spatial axes of `[N, C, spatial..]`.
protocol PoolOperator: Operator {
  /// Whether a second output, the positions, can be asked for.
  var givesIndices: Bool { get }
  func pool(_ node: Node, _ x: Tensor, _ window: Window, padding: [Int]) throws -> [Tensor]
}

extension PoolOperator {
  var givesIndices: Bool { false }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), window = try window(node)
    guard node.outputs.count == 1 || givesIndices else { throw node.failure(.unsupported, "the output of indices") }
    guard let shape = x.shape else { return [ValueType(x.dtype, nil), ValueType(.i64, nil)] }
    guard shape.count == window.kernel.count + 2 else {
      throw node.failure(.shape, "input", expected: "rank \(window.kernel.count + 2)", got: "\(shape)")
    }
    let result = Array(shape.prefix(2)) + (try window.output(Array(shape.dropFirst(2)), node))
    return [ValueType(x.dtype, result), ValueType(.i64, result)]
  }

  private func window(_ node: Node) throws -> Window {
    let window = try Window(node)
    guard window.kernel.count <= 3 else { throw node.failure(.unsupported, "pooling over \(window.kernel.count) axes") }
    return window
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), window = try window(node)
    let sizes = Array(x.shape.dimensions.dropFirst(2))
    _ = try window.output(sizes.map { .fixed($0) }, node)
    return try pool(node, x, window, padding: window.padding(sizes))
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    // Positions count channels too: they are not what they were after a cut.
    guard flow.outputCount == 1 else { return flow.blockAll("\(node.op) '\(node.name)' gives positions") }
    flow.tie(.input(0), axis: 0, .output(0), axis: 0)
    flow.tie(.input(0), axis: 1, .output(0), axis: 1)
  }
}
