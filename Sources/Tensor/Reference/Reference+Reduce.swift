extension ReferenceBackend {
  func reduce(_ op: Reduction, _ x: Tensor, axes: [Bool]) throws -> Tensor {
    let d = x.dtype
    if d.isFloating {
      var n = 1
      for i in 0..<x.rank where axes[i] { n *= x.shape.dims[i] }
      let count = Double(n)
      switch op {
      case .sum: return try folded(x, axes, 0, { $0 }, { $0 + $1 })
      case .mean: return try folded(x, axes, 0, { $0 }, { $0 + $1 }, { $0 / count })
      case .prod: return try folded(x, axes, 1, { $0 }, { $0 * $1 })
      case .max: return try folded(x, axes, -.infinity, { $0 }, Double.larger)
      case .min: return try folded(x, axes, .infinity, { $0 }, Double.smaller)
      case .sumOfSquares: return try folded(x, axes, 0, { $0 * $0 }, { $0 + $1 })
      case .sumOfMagnitudes: return try folded(x, axes, 0, { $0.magnitude }, { $0 + $1 })
      case .any, .all: throw ReferenceBackend.refusal(op.rawValue, d, expected: "bool")
      }
    }
    // Sums and products of integers are i64, so that counts of small types do not wrap.
    switch op {
    case .any where d == .bool: return try folded(x, axes, .bool, 0, { $0 | $1 })
    case .all where d == .bool: return try folded(x, axes, .bool, 1, { $0 & $1 })
    case .any, .all: throw ReferenceBackend.refusal(op.rawValue, d, expected: "bool")
    case .sum: return try folded(x, axes, .i64, 0, { $0 &+ $1 })
    case _ where d == .bool: throw ReferenceBackend.refusal(op.rawValue, d, expected: "a number type")
    case .prod: return try folded(x, axes, .i64, 1, { $0 &* $1 })
    case .max: return try folded(x, axes, d, d == .i64 ? .min : Int64(Int32.min), { Swift.max($0, $1) })
    case .min: return try folded(x, axes, d, d == .i64 ? .max : Int64(Int32.max), { Swift.min($0, $1) })
    case .mean, .sumOfSquares, .sumOfMagnitudes: throw ReferenceBackend.refusal(op.rawValue, d, expected: "a float type")
    }
  }
  private func folded(
    _ x: Tensor, _ axes: [Bool], _ initial: Double, _ lift: (Double) -> Double, _ join: (Double, Double) -> Double,
    _ finish: (Double) -> Double = { $0 }
  ) throws -> Tensor {
    let add: (Double, Elements, Int) -> Double = { sum, x, i in join(sum, lift(x.number(i))) }
    let store: (Elements, Int, Double) -> Void = { result, i, sum in result.set(i, finish(sum)) }
    return try folded(x, axes, x.dtype, initial, add, store)
  }

  private func folded(
    _ x: Tensor, _ axes: [Bool], _ dtype: DType, _ initial: Int64, _ join: (Int64, Int64) -> Int64
  ) throws -> Tensor {
    let add: (Int64, Elements, Int) -> Int64 = { sum, x, i in join(sum, x.whole(i)) }
    let store: (Elements, Int, Int64) -> Void = { result, i, sum in result.set(i, sum) }
    return try folded(x, axes, dtype, initial, add, store)
  }

  /// Folds element by element, in the order of memory, on one thread.
  private func folded<A>(
    _ x: Tensor, _ axes: [Bool], _ dtype: DType, _ initial: A, _ add: (A, Elements, Int) -> A, _ store: (Elements, Int, A) -> Void
  ) throws -> Tensor {
    let x = x.isDense ? x : try x.contiguous()
    let plan = ReductionPlan(x, axes)
    let out = try Tensor.empty(plan.shape, dtype, layout: plan.layout)
    var steps = plan.layout
    for i in 0..<x.rank where axes[i] || plan.shape.dims[i] == 1 { steps[i] = 0 }
    var gathered = Array(repeating: initial, count: out.count)
    let source = Elements(x)
    let nest = LoopNest(x.shape, x.layout, steps)
    let (s, t) = (nest.inner(0), nest.inner(1))
    try Compute.withThreads(1) {
      try nest.forEachRow { n, i, o, _, _ in
        for k in 0..<n { gathered[o + k * t] = add(gathered[o + k * t], source, i + k * s) }
      }
    }
    let result = Elements(out)
    for i in 0..<out.count { store(result, i, gathered[i]) }
    return out
  }

  func argExtreme(_ x: Tensor, axis: Int, largest: Bool) throws -> Tensor {
    if x.dtype.isFloating {
      let better: (Double, Double) -> Bool = { v, best in
        if best.isNaN { return false }
        return v.isNaN || (largest ? v > best : v < best)
      }
      return try first(x, axis, better) { (x: Elements, i: Int) -> Double in x.number(i) }
    }
    let better: (Int64, Int64) -> Bool = { v, best in largest ? v > best : v < best }
    return try first(x, axis, better) { (x: Elements, i: Int) -> Int64 in x.whole(i) }
  }

  /// The position along `axis` of the last of the elements that each is `better` than all before it.
  private func first<A>(_ x: Tensor, _ axis: Int, _ better: (A, A) -> Bool, _ value: (Elements, Int) -> A) throws -> Tensor {
    let out = try Tensor.empty(x.shape.replacing(axis, with: 1), .i64)
    let (n, step) = (x.shape.dims[axis], x.layout[axis])
    let nest = LoopNest(out.shape, out.layout, x.layout)
    let (result, source) = (Elements(out), Elements(x))
    let (s, t) = (nest.inner(0), nest.inner(1))
    try nest.forEachRow { count, o, i, _, _ in
      for k in 0..<count {
        var (best, position) = (value(source, i + k * t), 0)
        for j in 1..<max(n, 1) {
          let v = value(source, i + k * t + j * step)
          if better(v, best) { (best, position) = (v, j) }
        }
        result.set(o + k * s, Int64(position))
      }
    }
    return out
  }
}
