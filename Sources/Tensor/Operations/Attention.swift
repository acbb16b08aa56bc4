import Support

extension Tensor {
  /// Scaled dot-product attention: softmax(q k^T * scale + mask) v (Vaswani et al. 2017, arXiv:1706.03762).
  ///
  /// Rows of queries are worked on in blocks, and the backward pass computes their weights again, so that the [L, S]
  /// matrix of all weights is never held.
  /// - Shapes: q [.., heads, L, E], k [.., kvHeads, S, E], v [.., kvHeads, S, Ev]; result [.., heads, L, Ev]. `heads` is a
  ///   multiple of `kvHeads`: neighbouring heads of q share one of k and v (grouped queries, arXiv:2305.13245). Without a
  ///   head axis: [L, E], [S, E], [S, Ev].
  /// - Dtypes: one float type for all.
  /// - Parameters:
  ///   - mask: broadcasts to [.., heads, L, S]; bool (true takes part) or floats that are added to the scores.
  ///   - causal: query i sees keys up to i + S - L.
  ///   - scale: of the scores; 1 / sqrt(E) when absent.
  ///   - dropout: the share of weights that are dropped, a function of `seed` alone; for training.
  ///   - block: rows of queries that are worked on at once; chosen by size when absent.
  /// - Returns: 0 for a query that may see nothing.
  /// - Throws: `shape`, `dtype`, `argument`.
  public static func attention(
    query q: Tensor, key k: Tensor, value v: Tensor, mask: Tensor? = nil, causal: Bool = false, scale: Double? = nil,
    dropout: Double = 0, seed: UInt64 = 0, block: Int? = nil
  ) throws -> Tensor {
    let plan = try Attention(q, k, v, mask, causal, scale, dropout, seed, block)
    let inputs = [q, k, v] + (mask.map { [$0] } ?? [])
    let plain = inputs.map { $0.detached() }
    let y = try Tensor.withoutGradient { () throws -> Tensor in try plan.forward(plain) }
    guard inputs.contains(where: { $0.records }) else { return y }
    return y.recorded("attention", from: inputs) { g, pullback in try plan.backward(g, plain, &pullback) }
  }

  /// Multi-head attention: heads of q, k and v are slices of the last axis, and the result holds them side by side again.
  ///
  /// - Shapes: q [.., L, heads * E], k [.., S, kvHeads * E], v [.., S, kvHeads * Ev]; result [.., L, heads * Ev].
  /// - Parameters: as in `attention`; the mask broadcasts to [.., heads, L, S].
  public static func multiHeadAttention(
    query q: Tensor, key k: Tensor, value v: Tensor, heads: Int, kvHeads: Int? = nil, mask: Tensor? = nil,
    causal: Bool = false, scale: Double? = nil, dropout: Double = 0, seed: UInt64 = 0
  ) throws -> Tensor {
    func split(_ x: Tensor, _ heads: Int) throws -> Tensor {
      guard x.rank >= 2, heads > 0, x.shape.dims[x.rank - 1] % heads == 0 else {
        throw PareError(
          .shape, "[multiHeadAttention] shape \(x.shape) has no \(heads) heads", expected: "[.., L, a multiple of \(heads)]", op: "multiHeadAttention")
      }
      let each = x.shape.dims[x.rank - 1] / heads
      return try x.reshaped(Shape(x.shape[..<(x.rank - 1)] + [heads, each])).transposed(-3, -2)
    }
    let y = try attention(
      query: split(q, heads), key: split(k, kvHeads ?? heads), value: split(v, kvHeads ?? heads), mask: mask, causal: causal,
      scale: scale, dropout: dropout, seed: seed)
    return try y.transposed(-3, -2).reshaped(Shape(q.shape[..<(q.rank - 1)] + [heads * y.shape.dims[y.rank - 1]]))
  }
}

/// The checked sizes and settings of one call, with both passes.
private struct Attention: Sendable {
  /// Axes before [L, E] and [S, E]: batch, kvHeads, heads per kvHead. One of each when there are none.
  let batch: Int, kvHeads: Int, group: Int
  let length: Int, keys: Int, width: Int, valueWidth: Int
  let output: Shape
  let isCausal: Bool
  let scale: Double
  let dropout: Double
  let seed: UInt64
  let block: Int
  /// Of the result without its last two axes, what masks broadcast to.
  let lead: Shape

  init(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, _ mask: Tensor?, _ causal: Bool, _ scale: Double?, _ dropout: Double,
    _ seed: UInt64, _ block: Int?
  ) throws {
    let op = "attention"
    let rank = q.rank
    guard rank >= 2, rank <= 6, k.rank == rank, v.rank == rank, k.shape.dims[rank - 1] == q.shape.dims[rank - 1],
      k.shape[..<(rank - 1)] == v.shape[..<(rank - 1)], rank < 4 || q.shape[..<(rank - 3)] == k.shape[..<(rank - 3)],
      rank < 3 || (k.shape.dims[rank - 3] > 0 && q.shape.dims[rank - 3] % k.shape.dims[rank - 3] == 0)
    else {
      throw PareError(
        .shape, "[\(op)] query \(q.shape), key \(k.shape), value \(v.shape)",
        expected: "[.., heads, L, E], [.., kvHeads, S, E], [.., kvHeads, S, Ev], heads a multiple of kvHeads", op: op)
    }
    guard q.dtype.isFloating, q.dtype == k.dtype, q.dtype == v.dtype, mask == nil || mask?.dtype == .bool || mask?.dtype == q.dtype else {
      throw PareError(
        .dtype, "[\(op)] query \(q.dtype), key \(k.dtype), value \(v.dtype)\(mask.map { ", mask \($0.dtype)" } ?? "")",
        expected: "one float type, the mask the same or bool", op: op)
    }
    guard dropout >= 0, dropout < 1 else {
      throw PareError(.argument, "[\(op)] dropout \(dropout)", argument: "dropout", expected: "0 up to, but not, 1", op: op)
    }
    guard block ?? 1 >= 1 else { throw PareError(.argument, "[\(op)] block \(block ?? 0)", argument: "block", expected: "from 1", op: op) }
    batch = rank < 4 ? 1 : try Shape(q.shape[..<(rank - 3)]).count
    kvHeads = rank < 3 ? 1 : k.shape.dims[rank - 3]
    group = rank < 3 ? 1 : q.shape.dims[rank - 3] / kvHeads
    (length, width) = (q.shape.dims[rank - 2], q.shape.dims[rank - 1])
    (keys, valueWidth) = (k.shape.dims[rank - 2], v.shape.dims[rank - 1])
    lead = try Shape(q.shape[..<(rank - 2)])
    output = try Shape(lead.dimensions + [length, valueWidth])
    let scores = try Shape(lead.dimensions + [length, keys])
    if let mask {
      guard try mask.rank >= 1 && Shape.broadcast(mask.shape, scores, op) == scores else {
        throw PareError(.shape, "[\(op)] mask \(mask.shape)", argument: "mask", expected: "something that spreads to \(scores)", op: op)
      }
    }
    (isCausal, self.dropout, self.seed) = (causal, dropout, seed)
    self.scale = scale ?? 1 / Double(max(width, 1)).squareRoot()
    // About four million weights at a time.
    self.block = block ?? max(16, (1 << 22) / max(1, lead.count * keys))
  }

  /// [batch, kvHeads, group, rows, columns], so that keys and values broadcast over the group.
  private func rows(_ x: Tensor, _ rows: Range<Int>) throws -> Tensor {
    let all = try x.reshaped(Shape([batch, kvHeads, group, x.shape.dims[x.rank - 2], x.shape.dims[x.rank - 1]]))
    return try all.narrowed(axis: 3, start: rows.lowerBound, length: rows.count)
  }

  private func shared(_ x: Tensor) throws -> Tensor {
    try x.reshaped(Shape([batch, kvHeads, 1, x.shape.dims[x.rank - 2], x.shape.dims[x.rank - 1]]))
  }

  /// The part of a mask that belongs to some rows, as one of `lead` + [rows, keys] or with axes of size 1.
  private func part(_ mask: Tensor, _ rows: Range<Int>) throws -> Tensor {
    guard mask.rank >= 2, mask.shape.dims[mask.rank - 2] > 1 else { return mask }
    return try mask.narrowed(axis: mask.rank - 2, start: rows.lowerBound, length: rows.count)
  }

  /// The weights of some queries before dropout.
  private func weights(_ q: Tensor, _ keysT: Tensor, _ mask: Tensor?, _ rows: Range<Int>) throws -> Tensor {
    var scores = try (self.rows(q, rows) * scale).matmul(keysT)
    let shape = scores.shape
    let outer = try Shape(lead.dimensions + [rows.count, keys])
    if let mask {
      let part = try part(mask, rows)
      let low = try Tensor.scalar(-.infinity, q.dtype)
      let flat = try scores.reshaped(outer)
      scores = try (mask.dtype == .bool ? Tensor.where(part, flat, low) : flat + part).reshaped(shape)
    }
    if isCausal {
      let row = try Tensor.arange(first: Double(rows.lowerBound + keys - length), count: rows.count, dtype: .f64).reshaped([rows.count, 1])
      let seen = try Tensor.arange(count: keys, dtype: .f64).reshaped([1, keys]).le(row)
      scores = try Tensor.where(seen, scores, Tensor.scalar(-.infinity, q.dtype))
    }
    guard keys > 0 else { return scores }
    let weights = try scores.softmax(axis: -1)
    // A query that sees nothing has no weights.
    guard mask != nil || isCausal else { return weights }
    let blind = try scores.max(axes: [-1], keepDims: true).eq(-.infinity)
    return try Tensor.where(blind, Tensor.scalar(0, q.dtype), weights)
  }

  /// 1 / keep where a weight stays, else 0; from the seed and the position of the rows alone.
  private func kept(_ shape: Shape, _ dtype: DType, _ rows: Range<Int>) throws -> Tensor? {
    guard dropout > 0 else { return nil }
    let random = try Tensor.rand(shape, seed: seed, stream: UInt64(rows.lowerBound))
    return try random.ge(dropout).converted(to: dtype) / (1 - dropout)
  }

  private var blocks: [Range<Int>] { stride(from: 0, to: length, by: block).map { $0..<min($0 + block, length) } }

  func forward(_ inputs: [Tensor]) throws -> Tensor {
    let (q, keysT, v) = (inputs[0], try shared(inputs[1]).transposed(), try shared(inputs[2]))
    let mask = inputs.count > 3 ? inputs[3] : nil
    let parts = try blocks.map { rows -> Tensor in
      try Interrupt.check()
      let p = try weights(q, keysT, mask, rows)
      let drop = try kept(p.shape, p.dtype, rows)
      return try (drop.map { try p * $0 } ?? p).matmul(v)
    }
    guard let first = parts.first else { return try Tensor.zeros(output, q.dtype) }
    return try (parts.count == 1 ? first : Tensor.concat(parts, axis: 3)).reshaped(output)
  }

  func backward(_ g: Tensor, _ inputs: [Tensor], _ pullback: inout Pullback) throws {
    let (q, k, v) = (inputs[0], try shared(inputs[1]), try shared(inputs[2]))
    let mask = inputs.count > 3 ? inputs[3] : nil
    let (keysT, valuesT) = (try k.transposed(), try v.transposed())
    var (gq, gm): ([Tensor], [Tensor]) = ([], [])
    var (gk, gv) = (try Tensor.zeros(k.shape, k.dtype), try Tensor.zeros(v.shape, v.dtype))
    for rows in blocks {
      let p = try weights(q, keysT, mask, rows)
      let (gy, drop) = (try self.rows(g, rows), try kept(p.shape, p.dtype, rows))
      gv = try gv + (drop.map { try p * $0 } ?? p).transposed().matmul(gy).sum(axes: [2], keepDims: true)
      var gp = try gy.matmul(valuesT)
      if let drop { gp = try gp * drop }
      // The softmax's gradient; rows that see nothing have p = 0 and get none.
      let gs = try p * (gp - (gp * p).sum(axes: [-1], keepDims: true))
      gq.append(try gs.matmul(k) * scale)
      gk = try gk + gs.transposed().matmul(self.rows(q, rows)).sum(axes: [2], keepDims: true) * scale
      if let mask, pullback.needs(3) {
        let part = try part(mask, rows).shape
        gm.append(try gs.reshaped(Shape(lead.dimensions + [rows.count, keys])).reduced(to: part))
      }
    }
    try pullback.add(0, gq.isEmpty ? Tensor.zeros(q.shape, q.dtype) : Tensor.concat(gq, axis: 3).reshaped(q.shape))
    try pullback.add(1, gk.reshaped(inputs[1].shape))
    try pullback.add(2, gv.reshaped(inputs[2].shape))
    guard let mask, pullback.needs(3) else { return }
    guard let first = gm.first else { return try pullback.add(3, Tensor.zeros(mask.shape, mask.dtype)) }
    // Rows of a mask that is one for all queries add up, others stand beneath each other.
    let whole = mask.rank >= 2 && mask.shape.dims[mask.rank - 2] > 1
    try pullback.add(3, whole ? Tensor.concat(gm, axis: mask.rank - 2) : gm.dropFirst().reduce(first) { try $0 + $1 })
  }
}
