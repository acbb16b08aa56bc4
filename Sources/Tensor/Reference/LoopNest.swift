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
  func forEachRow(_ body: (_ n: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int) -> Void) {
    let last = sizes.rank - 1
    let n = sizes[last]
    var outer = 1
    for i in 0..<last { outer *= sizes[i] }
    if n == 0 || outer == 0 { return }
    if outer == 1 {
      let (a, b, c, d) = (inner(0), inner(1), inner(2), inner(3))
      Compute.parallel(n, grain: grain) { part in
        let i = part.lowerBound
        body(part.count, i * a, i * b, i * c, i * d)
      }
      return
    }
    Compute.parallel(outer, grain: max(1, grain / n)) { part in
      var index = Dims(repeating: 0, rank: last)
      var rest = part.lowerBound
      var (a, b, c, d) = (0, 0, 0, 0)
      for i in stride(from: last - 1, through: 0, by: -1) {
        index[i] = rest % sizes[i]
        rest /= sizes[i]
        a += index[i] * strides[0][i]
        b += index[i] * strides[1][i]
        c += index[i] * strides[2][i]
        d += index[i] * strides[3][i]
      }
      for _ in part {
        body(n, a, b, c, d)
        var i = last - 1
        while i >= 0 {
          index[i] += 1
          a += strides[0][i]
          b += strides[1][i]
          c += strides[2][i]
          d += strides[3][i]
          if index[i] < sizes[i] { break }
          index[i] = 0
          a -= strides[0][i] * sizes[i]
          b -= strides[1][i] * sizes[i]
          c -= strides[2][i] * sizes[i]
          d -= strides[3][i] * sizes[i]
          i -= 1
        }
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

  /// The layout of a result computed from these operands element by element: that of the first that is full and dense.
  static func resultLayout(_ shape: Shape, _ a: Tensor, _ b: Tensor) -> Dims {
    if a.shape == shape, a.isDense { return a.layout }
    if b.shape == shape, b.isDense { return b.layout }
    return a.shape == shape ? a.denseLayout(like: shape) : b.shape == shape ? b.denseLayout(like: shape) : shape.rowMajor
  }

  // `f` is inlined into each loop; the three common stride patterns are loops of their own, which vectorise.

  @inline(__always)
  static func map1<A: BitwiseCopyable, R: BitwiseCopyable>(_ x: Tensor, _ dtype: DType, _ f: (A) -> R) throws -> Tensor {
    let dense = x.isDense
    let out = try Tensor.empty(x.shape, dtype, layout: dense ? x.layout : x.denseLayout(like: x.shape))
    let (p, q) = (x.pointer(A.self), out.pointer(R.self))
    if dense {
      Compute.parallel(x.count, grain: LoopNest.grain) { part in
        for i in part { q[i] = f(p[i]) }
      }
    } else {
      let nest = LoopNest(x.shape, out.layout, x.layout)
      let (s, t) = (nest.inner(0), nest.inner(1))
      nest.forEachRow { n, o, a, _, _ in
        for i in 0..<n { q[o + i * s] = f(p[a + i * t]) }
      }
    }
    return out
  }

  @inline(__always)
  static func map2<A: BitwiseCopyable, B: BitwiseCopyable, R: BitwiseCopyable>(
    _ a: Tensor, _ b: Tensor, _ shape: Shape, _ dtype: DType, _ f: (A, B) -> R
  ) throws -> Tensor {
    let (p, q) = (a.pointer(A.self), b.pointer(B.self))
    if a.shape == shape, b.shape == shape, isSame(a.layout, b.layout, shape), a.isDense {
      let out = try Tensor.empty(shape, dtype, layout: a.layout)
      let r = out.pointer(R.self)
      Compute.parallel(shape.count, grain: LoopNest.grain) { part in
        for i in part { r[i] = f(p[i], q[i]) }
      }
      return out
    }
    let out = try Tensor.empty(shape, dtype, layout: resultLayout(shape, a, b))
    let r = out.pointer(R.self)
    let nest = LoopNest(shape, out.layout, a.broadcastLayout(shape), b.broadcastLayout(shape))
    let (s, t, u) = (nest.inner(0), nest.inner(1), nest.inner(2))
    nest.forEachRow { n, o, i, j, _ in
      let (r, p, q) = (r + o, p + i, q + j)
      if s == 1 && t == 1 && u == 1 {
        for k in 0..<n { r[k] = f(p[k], q[k]) }
      } else if s == 1 && t == 1 && u == 0 {
        let y = q[0]
        for k in 0..<n { r[k] = f(p[k], y) }
      } else if s == 1 && t == 0 && u == 1 {
        let x = p[0]
        for k in 0..<n { r[k] = f(x, q[k]) }
      } else {
        for k in 0..<n { r[k * s] = f(p[k * t], q[k * u]) }
      }
    }
    return out
  }
}
