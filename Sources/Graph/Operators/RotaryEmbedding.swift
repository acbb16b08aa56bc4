import Support
import Tensor

/// Turns pairs of features by the angles of their positions (Su 2021): `[N, heads, L, E]` or `[N, L, heads E]` with num_heads.
struct RotaryEmbeddingOperator: Operator {
  static let name = "RotaryEmbedding"
  var arity: ClosedRange<Int> { 3...4 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    if let rank = x.shape?.count, rank != 3 && rank != 4 { throw node.failure(.shape, "input", expected: "rank 3 or 4", got: "rank \(rank)") }
    return [ValueType(x.dtype, x.shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), positions = inputs.optional(3)
    let heads = try node.int("num_heads", default: 0)
    guard x.rank == 4 || (x.rank == 3 && heads > 0 && x.shape[2] % heads == 0) else {
      throw node.failure(.shape, "input \(x.shape) of \(heads) heads", expected: "[N, heads, L, E], or [N, L, heads E]")
    }
    // [N, L, heads, E], so that angles [N, L, 1, R / 2] spread over the heads.
    let split = try x.rank == 4 ? x.transposed(1, 2) : x.reshaped([x.shape[0], x.shape[1], heads, x.shape[2] / heads] as Shape)
    func angles(_ table: Tensor) throws -> Tensor {
      let rows = try positions.map { try table.gather(axis: 0, indices: $0.converted(to: .i64)) } ?? table
      guard rows.rank == 3 else { throw node.failure(.shape, "angles \(rows.shape)", expected: "[N, L, R / 2]") }
      return try rows.unsqueezed(2)
    }
    let y = try split.rotated(
      cosine: angles(inputs.required(1, node)), sine: angles(inputs.required(2, node)), interleaved: node.flag("interleaved"))
    return [try x.rank == 4 ? y.transposed(1, 2) : y.reshaped(x.shape)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.tie(.input(0), axis: 0, .output(0), axis: 0) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(RotaryEmbeddingOperator.self) }
