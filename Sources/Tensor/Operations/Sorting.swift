import CKernels
import Support

extension Tensor {
  /// The positions that sort along an axis, i64; equal elements keep their order, NaN comes last.
  public func argsort(axis: Int = -1, descending: Bool = false) throws -> Tensor {
    try ordered(axis, descending, "argsort", values: false).indices
  }

  /// The elements in order along an axis; NaN comes last in both directions.
  ///
  /// f32 by radix sort, the same for every number of threads. Negative zeros come before others, to which they are equal.
  /// The gradient goes back to where each element came from.
  public func sorted(axis: Int = -1, descending: Bool = false) throws -> Tensor {
    guard !records, let key = SortKey(dtype, shape) else { return try sortedWithIndices(axis: axis, descending: descending).values }
    let axis = try shape.axis(axis, "sort")
    return try key.rows(of: detached(), along: axis) { rows, n in
      let result = try Tensor.empty(rows.shape, .f32)
      try SortKey.eachRow(rows, n, scratch: 8 * n) { source, row, room, threads in
        pare_sort_f32(
          source, n, descending ? 1 : 0, result.pointer(Float.self) + row * n, room.assumingMemoryBound(to: UInt32.self), threads)
      }
      return result
    }
  }

  /// The elements in order along an axis and their positions, i64: equal elements keep their order, NaN comes last.
  public func sortedWithIndices(axis: Int = -1, descending: Bool = false) throws -> (values: Tensor, indices: Tensor) {
    let (values, indices) = try ordered(axis, descending, "sort", values: !records)
    if let values { return (values, indices) }
    return (try gatherElements(axis: axis, indices: indices), indices)
  }

  private func ordered(_ axis: Int, _ descending: Bool, _ op: String, values: Bool) throws -> (values: Tensor?, indices: Tensor) {
    let axis = try shape.axis(axis, op)
    let n = shape.dims[axis]
    let moved = try detached().transposed(axis, -1).contiguous()
    let indices = try Tensor.empty(moved.shape, .i64)
    if let key = SortKey(dtype, shape) {
      let rows = try moved.converted(to: .f32)
      let result = values ? try Tensor.empty(moved.shape, .f32) : nil
      try SortKey.eachRow(rows, n, scratch: 16 * n) { source, row, room, threads in
        pare_argsort_f32(
          source, n, descending ? 1 : 0, result.map { $0.pointer(Float.self) + row * n },
          indices.pointer(Int64.self) + row * n, room.assumingMemoryBound(to: UInt64.self), threads)
      }
      return (try result.map { try key.back($0).transposed(axis, -1) }, try indices.transposed(axis, -1))
    }
    switch dtype {
    case .i64: try moved.orders(n, indices, descending, Int64.self)
    case .f32: try moved.orders(n, indices, descending, Float.self)
    default:
      // Every other type is held exactly by f64.
      try moved.converted(to: .f64).orders(n, indices, descending, Double.self)
    }
    let positions = try indices.transposed(axis, -1)
    return (values ? try detached().gatherElements(axis: axis, indices: positions) : nil, positions)
  }

  private func orders<T: Number>(_ n: Int, _ result: Tensor, _ descending: Bool, _: T.Type) throws {
    guard n > 0 else { return }
    let (source, target) = (pointer(T.self), result.pointer(Int64.self))
    try Compute.parallel(count / n, grain: Swift.max(1, 4096 / n)) { part in
      for row in part {
        let p = source + row * n
        // Ties are broken by position, which makes any sort stable.
        var looks = 0
        let order = try (0..<n).sorted { i, j in
          looks &+= 1
          if looks & 0xFFFFF == 0 { try Interrupt.check() }
          let (x, y) = (p[i], p[j])
          if x == y { return i < j }
          if x != x || y != y { return x == x || (y != y && i < j) }
          return descending ? x > y : x < y
        }
        for i in 0..<n { target[row * n + i] = Int64(order[i]) }
      }
    }
  }

  /// The k largest (or smallest) elements along an axis, in order, and their positions, i64; of equal ones those that come
  /// first, NaN last.
  ///
  /// f32 by radix selection, the same for every number of threads. The gradient goes back to the chosen elements.
  public func topk(_ k: Int, axis: Int = -1, largest: Bool = true) throws -> (values: Tensor, indices: Tensor) {
    let position = try shape.axis(axis, "topk")
    let n = shape.dims[position]
    guard k >= 0, k <= n else {
      throw PareError(
        .argument, "[topk] \(k) elements of axis \(axis) of shape \(shape)", argument: "k", expected: "0...\(n)", op: "topk")
    }
    // Below a few thousand elements the histograms of a selection cost more than a sort.
    guard n >= 4096, k <= n / 2, let key = SortKey(dtype, shape) else {
      let indices = try argsort(axis: position, descending: largest).narrowed(axis: position, start: 0, length: k).contiguous()
      return (try gatherElements(axis: position, indices: indices), indices)
    }
    let rows = try detached().transposed(position, -1).contiguous().converted(to: .f32)
    let shape = rows.shape.replacing(rank - 1, with: k)
    let values = try Tensor.empty(shape, .f32), indices = try Tensor.empty(shape, .i64)
    try SortKey.eachRow(rows, n, scratch: 16 * Swift.max(k, 1)) { source, row, room, threads in
      guard
        pare_topk_f32(
          source, n, k, largest ? 1 : 0, values.pointer(Float.self) + row * k, indices.pointer(Int64.self) + row * k,
          room.assumingMemoryBound(to: UInt64.self), threads) == 1
      else { throw PareError(.memory, "[topk] no memory for histograms", op: "topk") }
    }
    let positions = try indices.transposed(position, -1)
    if records { return (try gatherElements(axis: position, indices: positions), positions) }
    return (try key.back(values).transposed(position, -1), positions)
  }

  /// The different elements of all, in ascending order, with how often each comes (i64). A backward pass through them throws.
  public func unique() throws -> (values: Tensor, counts: Tensor) {
    let ordered = try detached().reshaped(Shape([count])).sorted()
    guard count > 0 else { return (ordered, try Tensor.zeros([0], .i64)) }
    let changes = try ordered.slice(axis: 0, from: 1).ne(ordered.slice(axis: 0, to: count - 1))
    let starts = try [0] + changes.nonzeroIndices().reshaped([-1].map { changes.count == 0 ? 0 : $0 }).values(as: Int.self).map { $0 + 1 }
    let ends = starts.dropFirst() + [count]
    return (
      try ordered.gather(axis: 0, indices: Tensor(starts)).refusing("unique", self), try Tensor(zip(starts, ends).map { $1 - $0 })
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
      try Compute.parallel(count / n, grain: Swift.max(1, 16384 / n)) { part in
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

/// Types whose order f32 keeps, so that its kernels sort them: f32, the halves and integers of at most 16 bits.
struct SortKey {
  private let dtype: DType

  /// Nil for other types, and for more elements than the kernels number.
  init?(_ dtype: DType, _ shape: Shape) {
    switch dtype {
    case .f32, .f16, .bf16, .i8, .u8, .i16, .u16, .bool: self.dtype = dtype
    default: return nil
    }
    guard shape.count < Int(UInt32.max) else { return nil }
  }

  /// From f32 to the type again.
  func back(_ x: Tensor) throws -> Tensor { try x.converted(to: dtype) }

  /// Runs `body` with the axis innermost, as f32, and puts its result back.
  func rows(of x: Tensor, along axis: Int, _ body: (Tensor, Int) throws -> Tensor) throws -> Tensor {
    let moved = try x.transposed(axis, -1).contiguous().converted(to: .f32)
    return try back(body(moved, x.shape.dims[axis])).transposed(axis, -1)
  }

  /// Calls `body` for each row of n with its address, number, `scratch` bytes and threads: rows one after another on all
  /// threads if they are long, side by side if they are short.
  static func eachRow(
    _ rows: Tensor, _ n: Int, scratch: Int, _ body: (UnsafePointer<Float>, Int, UnsafeMutableRawPointer, Int32) throws -> Void
  ) throws {
    guard n > 0, rows.count > 0 else { return }
    let number = rows.count / n
    let source = UnsafePointer(rows.pointer(Float.self))
    if number == 1 || n >= 1 << 18 {
      Compute.prepareLibraries()
      let room = try Storage(byteCount: scratch)
      for row in 0..<number {
        try Interrupt.check()
        try withExtendedLifetime((rows, room)) { try body(source + row * n, row, room.base, Int32(Compute.threads)) }
      }
      return
    }
    // Each thread has room of its own.
    let parts = Swift.min(Compute.threads, number)
    let room = try Storage(byteCount: scratch * parts)
    try withExtendedLifetime((rows, room)) {
      try Compute.parallel(parts, grain: 1) { range in
        for part in range {
          for row in number * part / parts..<number * (part + 1) / parts {
            if row & 0xFFF == 0 { try Interrupt.check() }
            try body(source + row * n, row, room.base + part * scratch, 1)
          }
        }
      }
    }
  }
}
