import Support
import Tensor

/// Reorders axes; without `perm` they are reversed.
struct TransposeOperator: Operator {
  static let name = "Transpose"
  var precision: PrecisionPolicy { .follows }

  private func order(_ node: Node, rank: Int) throws -> [Int] {
    guard let perm = try node.ints("perm") else { return (0..<rank).reversed() }
    guard perm.sorted() == Array(0..<rank) else {
      throw node.failure(.shape, "attribute 'perm'", argument: "perm", expected: "an order of \(rank) axes", got: "\(perm)")
    }
    return perm
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    return [ValueType(x.dtype, try order(node, rank: shape.count).map { shape[$0] })]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node)
    return [try x.permuted(order(node, rank: x.rank))]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    for (target, source) in try order(node, rank: flow.rank(.input(0)) ?? 0).enumerated() {
      flow.tie(.input(0), axis: source, .output(0), axis: target)
    }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(TransposeOperator.self) }
