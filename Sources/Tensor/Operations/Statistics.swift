import Support

/// Further reductions, and statistics of all elements.
extension Tensor {
  /// The standard deviation, the root of `variance`.
  public func std(axes: [Int]? = nil, unbiased: Bool = true, keepDims: Bool = false) throws -> Tensor {
    let variance = try variance(axes: axes, unbiased: unbiased, keepDims: keepDims)
    guard variance.records else { return try variance.sqrt() }
    // Where all elements are equal the root has no slope, which times 0 would be NaN: the gradient there is 0.
    let none = try variance.detached().eq(0)
    let root = try Tensor.where(none, Tensor.scalar(1, dtype), variance).sqrt()
    return try Tensor.where(none, Tensor.scalar(0, dtype), root)
  }

  /// log(sum of exp(x)), without overflow; -infinity of nothing.
  public func logSumExp(axes: [Int]? = nil, keepDims: Bool = false) throws -> Tensor {
    let marks = try marks(axes, "logSumExp")
    let reduced = marks.indices.filter { marks[$0] }
    guard Tensor.number(shape, marks) > 0 else { return try sum(axes: reduced, keepDims: keepDims).log() }
    let x = detached()
    let largest = try x.max(axes: reduced, keepDims: true)
    let shift = try Tensor.where(largest.isFinite(), largest, Tensor.scalar(0, dtype))
    let kept = try (x - shift).exp().sum(axes: reduced, keepDims: true).log() + shift
    let y = keepDims ? kept : kept.dropping(marks)
    guard records else { return y }
    return y.recorded("logSumExp", self, repeatable: true) { g, pullback in
      let (x, y) = (pullback.input(0, x), try Tensor.kept(pullback.output(y), x.shape, marks))
      // Where the result is -infinity every exp(x) is 0, and so is the gradient.
      let base = try Tensor.where(y.isFinite(), y, Tensor.scalar(0, y.dtype))
      try pullback.add(0, Tensor.kept(g, x.shape, marks) * (x - base).exp())
    }
  }

  /// The position of the largest element along an axis, i64: of equal ones the last.
  public func lastArgmax(axis: Int, keepDims: Bool = false) throws -> Tensor {
    let n = try shape.dims[shape.axis(axis, "argmax")]
    return try (Double(n - 1) - detached().flipped(axis: axis).argmax(axis: axis, keepDims: keepDims))
  }

  /// The position of the smallest element along an axis, i64: of equal ones the last.
  public func lastArgmin(axis: Int, keepDims: Bool = false) throws -> Tensor {
    let n = try shape.dims[shape.axis(axis, "argmin")]
    return try (Double(n - 1) - detached().flipped(axis: axis).argmin(axis: axis, keepDims: keepDims))
  }

  /// The middle element along an axis, of an even number the lower of the two (PyTorch's), and its position, i64. A NaN
  /// wins.
  /// - Throws: `shape` when there is nothing to take it from.
  public func median(axis: Int, keepDims: Bool = false) throws -> (values: Tensor, indices: Tensor) {
    let axis = try shape.axis(axis, "median")
    let n = shape.dims[axis]
    guard n > 0 else {
      throw PareError(.shape, "[median] shape \(shape) has no elements to choose from", op: "median")
    }
    let order = try argsort(axis: axis)
    var indices = try order.narrowed(axis: axis, start: (n - 1) / 2, length: 1)
    if dtype.isFloating {
      // NaN is sorted last.
      let bad = try detached().isNaN().any(axes: [axis], keepDims: true)
      indices = try Tensor.where(bad, order.narrowed(axis: axis, start: n - 1, length: 1), indices)
    }
    let values = try gatherElements(axis: axis, indices: indices)
    return keepDims ? (values, indices) : (try values.squeezed(axis), try indices.squeezed(axis))
  }

  /// The middle of all elements, of an even number the lower of the two.
  public func median() throws -> Tensor { try reshaped(Shape([count])).median(axis: 0).values }

  /// Running products along an axis; f16 and bf16 multiply in f32.
  /// - Parameters:
  ///   - exclusive: each position without its own element.
  ///   - reverse: from the end.
  public func cumprod(axis: Int, exclusive: Bool = false, reverse: Bool = false) throws -> Tensor {
    let axis = try shape.axis(axis, "cumprod")
    switch dtype {
    case .f16, .bf16:
      return try converted(to: .f32).cumprod(axis: axis, exclusive: exclusive, reverse: reverse).converted(to: dtype)
    case .i8, .u8, .i16, .u16, .i32, .bool:
      return try converted(to: .i64).cumprod(axis: axis, exclusive: exclusive, reverse: reverse)
    default: break
    }
    if reverse { return try flipped(axis: axis).cumprod(axis: axis, exclusive: exclusive).flipped(axis: axis) }
    let x = detached()
    let y: Tensor
    switch dtype {
    case .f32: y = try x.products(axis, exclusive, Float.self)
    case .f64: y = try x.products(axis, exclusive, Double.self)
    default: y = try x.products(axis, exclusive, Int64.self)
    }
    guard records else { return y }
    return y.recorded("cumprod", self) { g, pullback in
      try pullback.add(
        0,
        x.dtype == .f64
          ? x.productsGradient(g, axis, exclusive, Double.self) : x.productsGradient(g, axis, exclusive, Float.self))
    }
  }

  private func products<T: Number>(_ axis: Int, _ exclusive: Bool, _: T.Type) throws -> Tensor {
    let moved = try transposed(axis, -1).contiguous()
    let n = shape.dims[axis]
    let result = try Tensor.empty(moved.shape, dtype)
    let (source, target) = (moved.pointer(T.self), result.pointer(T.self))
    if n > 0 {
      try Compute.parallel(count / n, grain: Swift.max(1, 16384 / n)) { part in
        for row in part {
          var total = T.one
          for i in (row * n)..<(row * n + n) {
            let next = T.times(total, source[i])
            target[i] = exclusive ? total : next
            total = next
          }
        }
      }
    }
    return try result.transposed(axis, -1)
  }

  /// With before the product of all earlier elements, and after(k) = g(k) + x(k+1) after(k+1), which needs no division, the
  /// gradient is before(k) after(k); exclusive ones start at the next position.
  private func productsGradient<T: Real>(_ g: Tensor, _ axis: Int, _ exclusive: Bool, _: T.Type) throws -> Tensor {
    let (x, g) = (try transposed(axis, -1).contiguous(), try g.transposed(axis, -1).contiguous())
    let n = shape.dims[axis]
    let result = try Tensor.empty(x.shape, dtype)
    let (p, q, r) = (x.pointer(T.self), g.pointer(T.self), result.pointer(T.self))
    if n > 0 {
      try Compute.parallel(count / n, grain: Swift.max(1, 16384 / n)) { part in
        for row in part {
          let (p, q, r) = (p + row * n, q + row * n, r + row * n)
          var after: T = 0
          for k in stride(from: n - 1, through: 0, by: -1) {
            let next = k + 1 < n ? p[k + 1] * after : 0
            after = exclusive ? (k + 1 < n ? q[k + 1] : 0) + next : q[k] + next
            r[k] = after
          }
          var before: T = 1
          for k in 0..<n {
            r[k] *= before
            before *= p[k]
          }
        }
      }
    }
    return try result.transposed(axis, -1)
  }

  /// How often each number 0, 1, ... comes among integers, i64; or the sums of their weights, in the weights' dtype.
  ///
  /// - Shapes: any; the result is one axis of max + 1, at least `minimum`. `weights` as this tensor.
  /// - Throws: `argument` for a negative number, `memory` for counts that do not fit.
  public func bincount(minimum: Int = 0, weights: Tensor? = nil) throws -> Tensor {
    guard dtype.isInteger else {
      throw PareError(.dtype, "[bincount] elements of \(dtype)", expected: "integers", op: "bincount")
    }
    guard minimum >= 0 else {
      throw PareError(.argument, "[bincount] minimum \(minimum)", argument: "minimum", expected: "a number from 0", op: "bincount")
    }
    let numbers = try detached().converted(to: .i64).contiguous()
    let least = count > 0 ? try numbers.min().values(as: Int64.self)[0] : 0
    guard least >= 0 else {
      throw PareError(.argument, "[bincount] \(least) is negative", expected: "numbers from 0", op: "bincount")
    }
    let most = count > 0 ? try numbers.max().values(as: Int64.self)[0] : -1
    guard most < Int64.max else { throw PareError(.memory, "[bincount] counts up to \(most) do not fit", op: "bincount") }
    let size = try Shape([Swift.max(minimum, Int(most) + 1)])
    let flat = try numbers.reshaped(Shape([count]))
    if let weights {
      guard weights.shape == shape else {
        throw PareError(.shape, "[bincount] weights \(weights.shape) for \(shape)", argument: "weights", expected: "\(shape)", op: "bincount")
      }
      return try Tensor.zeros(size, weights.dtype)
        .scatterElements(axis: 0, indices: flat, values: weights.reshaped(Shape([count])), reduction: .add)
    }
    let result = try Tensor.zeros(size, .i64)
    let (p, q) = (flat.pointer(Int64.self), result.pointer(Int64.self))
    for i in 0..<count { q[Int(p[i])] += 1 }
    return result
  }

  /// The different elements of all in ascending order, for each element the position of its value there, and how often
  /// each comes (both i64). Every NaN is a value of its own. A backward pass through the values throws.
  ///
  /// - Shapes: values and counts one axis, `inverse` as this tensor.
  public func uniqueWithInverse() throws -> (values: Tensor, inverse: Tensor, counts: Tensor) {
    let flat = try detached().reshaped(Shape([count]))
    guard count > 0 else { return (flat, try Tensor.zeros(shape, .i64), try Tensor.zeros([0], .i64)) }
    let order = try flat.argsort()
    let ordered = try flat.gather(axis: 0, indices: order)
    let isNew = try Tensor.concat(
      [Tensor([true]), ordered.slice(axis: 0, from: 1).ne(ordered.slice(axis: 0, to: count - 1))], axis: 0)
    let numbers = try isNew.converted(to: .i64).cumsum(axis: 0) - 1
    let inverse = try Tensor.zeros(Shape([count]), .i64).scatterElements(axis: 0, indices: order, values: numbers)
    return (try ordered.maskedSelect(isNew).refusing("unique", self), try inverse.reshaped(shape), try numbers.bincount())
  }

  /// The middle of each of `bins` equal parts between the smallest and largest element, or lower...upper, and how many
  /// elements fall into it; see `histogram(bins:lower:upper:)`.
  /// - Returns: counts [bins], i64, and the parts' edges [bins + 1], f64.
  public func histogram(bins: Int, range: ClosedRange<Double>? = nil) throws -> (counts: Tensor, edges: Tensor) {
    var (lower, upper) = (range?.lowerBound ?? 0, range?.upperBound ?? 1)
    if range == nil, count > 0 {
      let plain = try detached().converted(to: .f64)
      (lower, upper) = (try plain.min().item(), try plain.max().item())
      // One value: a part of width 1 around it, as NumPy has it.
      if lower == upper { (lower, upper) = (lower - 0.5, upper + 0.5) }
    }
    let counts = try histogram(bins: bins, lower: lower, upper: upper)
    return (counts, try Tensor.linspace(lower, upper, count: bins + 1, dtype: .f64))
  }
}
