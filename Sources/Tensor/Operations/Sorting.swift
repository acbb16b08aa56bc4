import Support

extension Tensor {
  /// The positions that sort along an axis, i64; equal elements keep their order, NaN comes last.
  public func argsort(axis: Int = -1, descending: Bool = false) throws -> Tensor {
    let axis = try shape.axis(axis, "argsort")
    let moved = try detached().transposed(axis, -1).contiguous()
    let n = shape.dims[axis]
    let result = try Tensor.empty(moved.shape, .i64)
    switch dtype {
    case .f32: moved.orders(n, result, descending, Float.self)
    case .i64: moved.orders(n, result, descending, Int64.self)
    default:
      // Every other type is held exactly by f64.
      try moved.converted(to: .f64).orders(n, result, descending, Double.self)
    }
    return try result.transposed(axis, -1)
  }

  private func orders<T: Number>(_ n: Int, _ result: Tensor, _ descending: Bool, _: T.Type) {
    guard n > 0 else { return }
    let (source, target) = (pointer(T.self), result.pointer(Int64.self))
    Compute.parallel(count / n, grain: Swift.max(1, 4096 / n)) { part in
      for row in part {
        let p = source + row * n
        // Ties are broken by position, which makes any sort stable.
        let order = (0..<n).sorted { i, j in
          let (x, y) = (p[i], p[j])
          if x == y { return i < j }
          if x != x || y != y { return x == x || (y != y && i < j) }
          return descending ? x > y : x < y
        }
        for i in 0..<n { target[row * n + i] = Int64(order[i]) }
      }
    }
  }

  /// The elements in order along an axis; NaN comes last.
  public func sorted(axis: Int = -1, descending: Bool = false) throws -> Tensor {
    try gatherElements(axis: axis, indices: argsort(axis: axis, descending: descending))
  }

  /// The k largest (or smallest) elements along an axis, in order, and their positions, i64.
  public func topk(_ k: Int, axis: Int = -1, largest: Bool = true) throws -> (values: Tensor, indices: Tensor) {
    let position = try shape.axis(axis, "topk")
    guard k >= 0, k <= shape.dims[position] else {
      throw PareError(
        .argument, "[topk] \(k) elements of axis \(axis) of shape \(shape)", argument: "k",
        expected: "0...\(shape.dims[position])", op: "topk")
    }
    let indices = try argsort(axis: position, descending: largest).narrowed(axis: position, start: 0, length: k).contiguous()
    return (try gatherElements(axis: position, indices: indices), indices)
  }

  /// The value below which the fraction `q` of all elements lies, linear between neighbours (NumPy's default).
  /// - Throws: `argument` unless 0 <= q <= 1, `shape` if there is no element. NaN if one element is NaN.
  public func quantile(_ q: Double) throws -> Tensor {
    guard q >= 0, q <= 1 else { throw PareError(.argument, "[quantile] \(q)", argument: "q", expected: "0...1", op: "quantile") }
    guard count > 0 else { throw PareError(.shape, "[quantile] shape \(shape) has no elements", op: "quantile") }
    let result: DType = dtype.isFloating ? dtype : .f64
    var values = try scalars()
    if values.contains(where: { $0.isNaN }) { return try Tensor.scalar(.nan, result) }
    let position = q * Double(values.count - 1)
    let low = Int(position.rounded(.down))
    let a = Tensor.select(&values, low)
    guard low + 1 < values.count, position > Double(low) else { return try Tensor.scalar(a, result) }
    let b = values[(low + 1)...].min() ?? a
    return try Tensor.scalar(a + (b - a) * (position - Double(low)), result)
  }

  /// Quickselect: afterwards `values[k]` is the k-th smallest and everything after it is not smaller.
  static func select(_ values: inout [Double], _ k: Int) -> Double {
    var (low, high) = (0, values.count - 1)
    while low < high {
      let middle = low + (high - low) / 2
      let pivot = Swift.max(Swift.min(values[low], values[middle]), Swift.min(Swift.max(values[low], values[middle]), values[high]))
      var (i, j) = (low, high)
      while i <= j {
        while values[i] < pivot { i += 1 }
        while values[j] > pivot { j -= 1 }
        if i <= j {
          values.swapAt(i, j)
          i += 1
          j -= 1
        }
      }
      if k <= j { high = j } else if k >= i { low = i } else { break }
    }
    return values[k]
  }

  /// The different elements of all, in ascending order, with how often each comes (i64).
  public func unique() throws -> (values: Tensor, counts: Tensor) {
    let ordered = try detached().reshaped(Shape([count])).sorted()
    guard count > 0 else { return (ordered, try Tensor.zeros([0], .i64)) }
    let changes = try ordered.slice(axis: 0, from: 1).ne(ordered.slice(axis: 0, to: count - 1))
    let starts = try [0] + changes.nonzeroIndices().reshaped([-1].map { changes.count == 0 ? 0 : $0 }).values(as: Int.self).map { $0 + 1 }
    let ends = starts.dropFirst() + [count]
    return (
      try ordered.gather(axis: 0, indices: Tensor(starts)), try Tensor(zip(starts, ends).map { $1 - $0 })
    )
  }

  /// How many elements fall into each of `bins` equal parts of lower...upper, i64; the last part includes its end, what
  /// lies outside is not counted.
  public func histogram(bins: Int, lower: Double, upper: Double) throws -> Tensor {
    guard bins > 0, lower < upper, lower.isFinite, upper.isFinite else {
      throw PareError(.argument, "[histogram] \(bins) bins of \(lower)...\(upper)", expected: "bins from 1, an interval", op: "histogram")
    }
    let result = try Tensor.zeros(Shape([bins]), .i64)
    let target = result.pointer(Int64.self)
    let width = (upper - lower) / Double(bins)
    for v in try scalars() where v >= lower && v <= upper {
      target[Swift.min(bins - 1, Int((v - lower) / width))] += 1
    }
    return result
  }

  /// Running sums along an axis; f16 and bf16 sum in f32.
  /// - Parameters:
  ///   - exclusive: each position without its own element.
  ///   - reverse: from the end.
  public func cumsum(axis: Int, exclusive: Bool = false, reverse: Bool = false) throws -> Tensor {
    let axis = try shape.axis(axis, "cumsum")
    let result = try cumulated(axis, exclusive, reverse)
    guard records else { return result }
    return result.recorded("cumsum", self, repeatable: true) { g, pullback in
      try pullback.add(0, g.cumsum(axis: axis, exclusive: exclusive, reverse: !reverse))
    }
  }

  private func cumulated(_ axis: Int, _ exclusive: Bool, _ reverse: Bool) throws -> Tensor {
    let x = detached()
    switch dtype {
    case .f32: return try x.runs(axis, exclusive, reverse, Float.self)
    case .f64: return try x.runs(axis, exclusive, reverse, Double.self)
    case .i64: return try x.runs(axis, exclusive, reverse, Int64.self)
    case .i32: return try x.runs(axis, exclusive, reverse, Int32.self)
    case .f16, .bf16: return try x.converted(to: .f32).cumulated(axis, exclusive, reverse).converted(to: dtype)
    default: return try x.converted(to: .i64).cumulated(axis, exclusive, reverse).converted(to: dtype)
    }
  }

  private func runs<T: Number>(_ axis: Int, _ exclusive: Bool, _ reverse: Bool, _: T.Type) throws -> Tensor {
    let moved = try transposed(axis, -1).contiguous()
    let n = shape.dims[axis]
    let result = try Tensor.empty(moved.shape, dtype)
    let (source, target) = (moved.pointer(T.self), result.pointer(T.self))
    if n > 0 {
      Compute.parallel(count / n, grain: Swift.max(1, 16384 / n)) { part in
        for row in part {
          var total = T.zero
          for k in 0..<n {
            let i = row * n + (reverse ? n - 1 - k : k)
            let next = T.plus(total, source[i])
            target[i] = exclusive ? total : next
            total = next
          }
        }
      }
    }
    return try result.transposed(axis, -1)
  }
}
