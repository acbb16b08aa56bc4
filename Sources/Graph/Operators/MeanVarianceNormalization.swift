import Support
import Tensor

/// (x - mean) / deviation over `axes` (default 0, 2 and 3: for each channel over batch and positions).
struct MeanVarianceNormalizationOperator: Operator {
  static let name = "MeanVarianceNormalization"

  private func axes(_ node: Node, rank: Int) throws -> [Int] {
    try normalized(node.ints("axes", default: [0, 2, 3]), rank: rank, node)
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    if let rank = x.shape?.count { _ = try axes(node, rank: rank) }
    return [ValueType(x.dtype, x.shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), axes = try axes(node, rank: x.rank)
    let centred = try x - x.mean(axes: axes, keepDims: true)
    return [try centred / (centred.square().mean(axes: axes, keepDims: true).sqrt() + 1e-9)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let rank = flow.rank(.input(0)) else { return flow.blockAll("\(node.op) '\(node.name)' of unknown rank") }
    let joint = try axes(node, rank: rank)
    for axis in 0..<rank {
      if joint.contains(axis) {
        flow.block(.input(0), axis: axis, "\(node.op) '\(node.name)' normalises axis \(axis) jointly")
        flow.block(.output(0), axis: axis, "\(node.op) '\(node.name)' normalises axis \(axis) jointly")
      } else {
        flow.tie(.input(0), axis: axis, .output(0), axis: axis)
      }
    }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(MeanVarianceNormalizationOperator.self) }
