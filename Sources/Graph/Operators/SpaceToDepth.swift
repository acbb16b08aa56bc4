import Support
import Tensor

/// Moves blocks of positions into channels: `[N, C, H, W]` to `[N, b^2 C, H / b, W / b]`.
struct SpaceToDepthOperator: Operator {
  static let name = "SpaceToDepth"

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), b = try blockSize(node)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    guard shape.count == 4, shape[2...].allSatisfy({ ($0.value ?? 0) % b == 0 }) else {
      throw node.failure(.shape, "input", expected: "[N, C, H, W], H and W multiples of \(b)", got: "\(shape)")
    }
    let channels = try shape[1].value.map { Dimension.fixed(try checkedProduct([$0, b * b], node)) }
    return [ValueType(x.dtype, [shape[0], channels ?? .symbol("\(node.name)_1")] + (2...3).map { axis in
      shape[axis].value.map { .fixed($0 / b) } ?? .symbol("\(node.name)_\(axis)")
    })]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), b = try blockSize(node)
    guard x.rank == 4, x.shape[2] % b == 0, x.shape[3] % b == 0 else { throw node.failure(.shape, "input", got: "\(x.shape)") }
    let (n, c, h, w) = (x.shape[0], x.shape[1], x.shape[2] / b, x.shape[3] / b)
    return [try x.reshaped([n, c, h, b, w, b] as Shape).permuted([0, 3, 5, 1, 2, 4]).reshaped([n, c * b * b, h, w] as Shape)]
  }

  /// A channel goes with the channels that its positions become.
  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.tie(.input(0), axis: 0, .output(0), axis: 0)
    guard let channels = flow.size(.input(0), axis: 1), let made = flow.size(.output(0), axis: 1) else {
      return flow.blockAll("the channels of \(node.op) '\(node.name)' are not known")
    }
    let all = Array(0..<made)
    flow.tie(.input(0), axis: 1, at: all.map { $0 % channels }, .output(0), axis: 1, at: all)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SpaceToDepthOperator.self) }
