import Support
import Tensor

/// Divides by (bias + alpha / size * the sum of squares over `size` neighbouring channels)^beta (Krizhevsky 2012).
struct LRNOperator: Operator {
  static let name = "LRN"

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    if let shape = x.shape, shape.count < 3 { throw node.failure(.shape, "input", expected: "[N, C, spatial..]", got: "\(shape)") }
    return [ValueType(x.dtype, x.shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), size = try node.int("size", default: 0)
    guard (1...(1 << 16)).contains(size) else { throw node.failure(.argument, "attribute 'size'", argument: "size", expected: "1 or more", got: "\(size)") }
    guard x.rank >= 3 else { throw node.failure(.shape, "input", expected: "[N, C, spatial..]", got: "\(x.shape)") }
    var pads = [Int](repeating: 0, count: 2 * x.rank)
    (pads[1], pads[1 + x.rank]) = ((size - 1) / 2, size / 2)
    let sums = try x.square().padded(pads).windows(axis: 1, size: size).sum(axes: [-1])
    let scale = try sums * (node.float("alpha", default: 1e-4) / Double(size)) + node.float("bias", default: 1)
    return [try x / scale.pow(node.float("beta", default: 0.75))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.tie(.input(0), axis: 0, .output(0), axis: 0) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(LRNOperator.self) }
