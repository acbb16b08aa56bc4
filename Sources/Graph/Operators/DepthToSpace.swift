import Support
import Tensor

/// Moves blocks of channels into blocks of positions: `[N, C, H, W]` to `[N, C / b^2, H b, W b]`.
struct DepthToSpaceOperator: Operator {
  static let name = "DepthToSpace"

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), b = try blockSize(node)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    guard shape.count == 4, shape[1].value.map({ $0 % (b * b) == 0 }) ?? true else {
      throw node.failure(.shape, "input", expected: "[N, a multiple of \(b * b), H, W]", got: "\(shape)")
    }
    return [ValueType(x.dtype, [shape[0], shape[1].value.map { .fixed($0 / (b * b)) } ?? .symbol("\(node.name)_1")] + (try scaled(shape, by: b, node)))]
  }

  private func scaled(_ shape: [Dimension], by b: Int, _ node: Node) throws -> [Dimension] {
    try (2...3).map { axis in
      try shape[axis].value.map { .fixed(try checkedProduct([$0, b], node)) } ?? .symbol("\(node.name)_\(axis)")
    }
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), b = try blockSize(node)
    guard x.rank == 4, x.shape[1] % (b * b) == 0 else { throw node.failure(.shape, "input", got: "\(x.shape)") }
    let (n, c, h, w) = (x.shape[0], x.shape[1] / (b * b), x.shape[2], x.shape[3])
    let y = try node.string("mode", default: "DCR") == "CRD"
      ? x.reshaped([n, c, b, b, h, w] as Shape).permuted([0, 1, 4, 2, 5, 3])
      : x.reshaped([n, b, b, c, h, w] as Shape).permuted([0, 3, 4, 1, 5, 2])
    return [try y.reshaped([n, c, h * b, w * b] as Shape)]
  }

  /// A channel goes with the block of channels that it is made of.
  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.tie(.input(0), axis: 0, .output(0), axis: 0)
    let b = try blockSize(node)
    guard let made = flow.size(.output(0), axis: 1), let channels = flow.size(.input(0), axis: 1), channels == made * b * b else {
      return flow.blockAll("the channels of \(node.op) '\(node.name)' are not known")
    }
    let isBlocked = try node.string("mode", default: "DCR") == "CRD", all = Array(0..<channels)
    flow.tie(.input(0), axis: 1, at: all, .output(0), axis: 1, at: all.map { isBlocked ? $0 / (b * b) : $0 % made })
  }
}

/// The attribute 'blocksize', bounded so that its square is a number.
func blockSize(_ node: Node) throws -> Int {
  let b = try node.int("blocksize", default: 0)
  guard (1...(1 << 15)).contains(b) else {
    throw node.failure(.argument, "attribute 'blocksize'", argument: "blocksize", expected: "1 or more", got: "\(b)")
  }
  return b
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(DepthToSpaceOperator.self) }
