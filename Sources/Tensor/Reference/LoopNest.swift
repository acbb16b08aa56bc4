/// The loops over up to four operands of one shape: axes in the order in which the first operand lies in memory, adjacent
/// axes joined where every operand allows it, so that most operations end up with one or two loops.
struct LoopNest {
  /// Elements per part of parallel work.
  static let grain = 32768
  private let grain: Int

  private(set) var sizes = Dims()
  private(set) var strides = InlineArray<4, Dims>(repeating: Dims())

  /// - Parameter layouts: strides of each operand in `shape`, 0 along axes over which it is broadcast.
  /// - Parameter grain: positions per part of parallel work, fewer where much is done at each.
  init(
    _ shape: Shape, _ first: Dims, _ second: Dims, _ third: Dims = Dims(), _ fourth: Dims = Dims(),
    grain: Int = LoopNest.grain
  ) {
    self.grain = grain
    var order = Dims()
    for i in 0..<shape.rank where shape.dims[i] != 1 {
      var k = order.rank
      order.append(i)
      while k > 0, first[order[k - 1]] < first[i] {
        order[k] = order[k - 1]
        k -= 1
      }
      order[k] = i
    }
    for k in 0..<order.rank {
      let i = order[k]
      let size = shape.dims[i]
      let last = sizes.rank - 1
      if last >= 0, joins(last, size, first[i], second[i], third[i], fourth[i]) {
        sizes[last] *= size
        strides[0][last] = first[i]
        strides[1][last] = second[i]
        strides[2][last] = third[i]
        strides[3][last] = fourth[i]
      } else {
        sizes.append(size)
        strides[0].append(first[i])
        strides[1].append(second[i])
        strides[2].append(third[i])
        strides[3].append(fourth[i])
      }
    }
    if sizes.rank == 0 {
      sizes.append(1)
      for k in 0..<4 { strides[k].append(0) }
    }
  }

  private func joins(_ last: Int, _ size: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int) -> Bool {
    strides[0][last] == a * size && strides[1][last] == b * size && strides[2][last] == c * size
      && strides[3][last] == d * size
  }

  /// The innermost stride of one operand.
  @inline(__always) func inner(_ operand: Int) -> Int { strides[operand][sizes.rank - 1] }

  /// Calls `body` for every innermost row with its length and the operands' offsets, in parallel when it is worth it.
  /// Rows are disjoint; which thread runs which does not influence any result.
  @inline(__always)
  func forEachRow(_ body: (_ n: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int) -> Void) throws {
    let last = sizes.rank - 1
    let n = sizes[last]
    var outer = 1
    for i in 0..<last { outer *= sizes[i] }
    if n == 0 || outer == 0 { return }
    if outer == 1 {
      let (a, b, c, d) = (inner(0), inner(1), inner(2), inner(3))
      try Compute.parallel(n, grain: grain) { part in
        let i = part.lowerBound
        body(part.count, i * a, i * b, i * c, i * d)
      }
      return
    }
    let (sizes, first, second, third, fourth) = (sizes, strides[0], strides[1], strides[2], strides[3])
    // Rows along one axis are a constant step apart; where they begin is computed once for all of them.
    let (run, s, t, u, v) = (sizes[last - 1], first[last - 1], second[last - 1], third[last - 1], fourth[last - 1])
    try Compute.parallel(outer, grain: max(1, grain / n)) { part in
      var row = part.lowerBound
      while row < part.upperBound {
        var rest = row
        var (a, b, c, d) = (0, 0, 0, 0)
        for i in stride(from: last - 1, through: 0, by: -1) {
          let position = rest % sizes[i]
          rest /= sizes[i]
          a += position * first[i]
          b += position * second[i]
          c += position * third[i]
          d += position * fourth[i]
        }
        let rows = min(run - row % run, part.upperBound - row)
        for _ in 0..<rows {
          body(n, a, b, c, d)
          a += s
          b += t
          c += u
          d += v
        }
        row += rows
      }
    }
  }
}

extension Tensor {
  /// The strides with which this tensor is read as one of `shape`, to which it broadcasts.
  func broadcastLayout(_ shape: Shape) -> Dims {
    if self.shape == shape { return layout }
    var result = Dims(repeating: 0, rank: shape.rank)
    let shift = shape.rank - rank
    for i in 0..<rank where self.shape.dims[i] != 1 { result[i + shift] = layout[i] }
    return result
  }
}
