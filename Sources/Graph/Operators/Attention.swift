import Support
import Tensor

/// Scaled dot-product attention of heads: queries `[N, heads, L, E]`, or `[N, L, heads E]` with q_num_heads and kv_num_heads;
/// keys and values alike. Caches, soft caps and the output of weights are not there.
struct AttentionOperator: Operator {
  static let name = "Attention"
  var arity: ClosedRange<Int> { 3...6 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let q = try inputs.required(0, node), v = try inputs.required(2, node)
    guard node.outputs.count == 1, !node.has(4), !node.has(5), try node.float("softcap", default: 0) == 0 else {
      throw node.failure(.unsupported, "past keys and values, softcap, and outputs beyond the first")
    }
    guard var shape = q.shape, let values = v.shape, shape.count == values.count, shape.count == 3 || shape.count == 4 else {
      return [ValueType(q.dtype, nil)]
    }
    shape[shape.count - 1] = values[shape.count - 1]
    if shape.count == 3, let width = values[2].value {
      let heads = try heads(node)
      guard width % heads.1 == 0 else { throw node.failure(.shape, "values \(values) in \(heads.1) heads") }
      shape[2] = .fixed(try checkedProduct([width / heads.1, heads.0], node))
    }
    return [ValueType(q.dtype, shape)]
  }

  private func heads(_ node: Node) throws -> (Int, Int) {
    let (q, kv) = (try node.int("q_num_heads", default: 0), try node.int("kv_num_heads", default: 0))
    guard q >= 1, kv >= 1 else {
      throw node.failure(.argument, "attributes 'q_num_heads' and 'kv_num_heads'", argument: "q_num_heads", expected: "1 or more for inputs of rank 3")
    }
    return (q, kv)
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let q = try inputs.required(0, node), k = try inputs.required(1, node), v = try inputs.required(2, node)
    let mask = inputs.optional(3), scale = try node.float("scale"), causal = try node.flag("is_causal")
    guard !causal || q.shape[q.rank - 2] == k.shape[k.rank - 2] else {
      throw node.failure(.unsupported, "a causal mask of \(q.shape[q.rank - 2]) queries and \(k.shape[k.rank - 2]) keys", argument: "is_causal")
    }
    if q.rank == 3 {
      let (heads, kvHeads) = try heads(node)
      return [try Tensor.multiHeadAttention(
        query: q, key: k, value: v, heads: heads, kvHeads: kvHeads, mask: mask, causal: causal, scale: scale)]
    }
    return [try Tensor.attention(query: q, key: k, value: v, mask: mask, causal: causal, scale: scale)]
  }

  func macs(_ node: Node, _ inputs: [ValueType?], _ outputs: [ValueType], weights: [Int?]) throws -> Int {
    guard let q = inputs.optional(0)?.fixedShape, let k = inputs.optional(1)?.fixedShape, let y = outputs.first?.fixedShape, q.count >= 3, k.count >= 3
    else { return 0 }
    // Every key meets every element of the queries, every value every element of the result.
    let keys = k[k.count - 2]
    return try checkedProduct(q + [keys], node) + checkedProduct(y + [keys], node)
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    for input in 0..<min(3, flow.inputCount) { flow.tie(.input(input), axis: 0, .output(0), axis: 0) }
    if let rank = flow.rank(.input(0)) { flow.tie(.input(0), axis: rank - 2, .output(0), axis: rank - 2) }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(AttentionOperator.self) }
