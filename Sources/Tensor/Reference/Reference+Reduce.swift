extension ReferenceBackend {
  func reduce(_ op: Reduction, _ x: Tensor, axes: [Bool]) throws -> Tensor {
    switch x.dtype {
    case .f32: return try real(op, x, axes, Float.self)
    case .f64: return try real(op, x, axes, Double.self)
    case .f16, .bf16: return try widened(x.dtype) { try reduce(op, $0(x), axes: axes) }
    case .i8, .u8, .i16, .u16:
      let wide = try reduce(op, convert(x, to: .i32), axes: axes)
      return wide.dtype == .i64 ? wide : try convert(wide, to: x.dtype)
    case .i32: return try whole(op, x, axes, Int32.self)
    case .i64: return try whole(op, x, axes, Int64.self)
    case .bool:
      switch op {
      case .any: return try folded(x, axes, .bool, UInt8(0), { (v: UInt8) in v }, { $0 | $1 }, { $0 == 0 ? UInt8(0) : 1 })
      case .all: return try folded(x, axes, .bool, UInt8(1), { (v: UInt8) in v == 0 ? 0 : 1 }, { $0 & $1 }, { $0 })
      case .sum: return try folded(x, axes, .i64, Int64(0), { (v: UInt8) in v == 0 ? 0 : 1 }, { $0 &+ $1 }, { $0 })
      default: throw ReferenceBackend.refusal(op.rawValue, .bool, expected: "a number type")
      }
    }
  }

  private func real<T: Real>(_ op: Reduction, _ x: Tensor, _ axes: [Bool], _: T.Type) throws -> Tensor {
    let d = T.dtype
    switch op {
    case .sum: return try folded(x, axes, d, 0.0, { (v: T) in Double(v) }, { $0 + $1 }, { T($0) })
    case .mean:
      var n = 1
      for i in 0..<x.rank where axes[i] { n *= x.shape.dims[i] }
      let scale = Double(n)
      return try folded(x, axes, d, 0.0, { (v: T) in Double(v) }, { $0 + $1 }, { T($0 / scale) })
    case .prod: return try folded(x, axes, d, 1.0, { (v: T) in Double(v) }, { $0 * $1 }, { T($0) })
    case .max: return try folded(x, axes, d, -T.infinity, { (v: T) in v }, { T.larger($0, $1) }, { $0 })
    case .min: return try folded(x, axes, d, T.infinity, { (v: T) in v }, { T.smaller($0, $1) }, { $0 })
    case .sumOfSquares: return try folded(x, axes, d, 0.0, { (v: T) in Double(v) * Double(v) }, { $0 + $1 }, { T($0) })
    case .sumOfMagnitudes: return try folded(x, axes, d, 0.0, { (v: T) in Double(v < 0 ? -v : v) }, { $0 + $1 }, { T($0) })
    case .any, .all: throw ReferenceBackend.refusal(op.rawValue, d, expected: "bool")
    }
  }

  /// Sums and products of integers are i64, so that counts of small types do not wrap.
  private func whole<T: Whole>(_ op: Reduction, _ x: Tensor, _ axes: [Bool], _: T.Type) throws -> Tensor {
    switch op {
    case .sum: return try folded(x, axes, .i64, Int64(0), { (v: T) in Int64(truncatingIfNeeded: v) }, { $0 &+ $1 }, { $0 })
    case .prod: return try folded(x, axes, .i64, Int64(1), { (v: T) in Int64(truncatingIfNeeded: v) }, { $0 &* $1 }, { $0 })
    case .max: return try folded(x, axes, T.dtype, T.min, { (v: T) in v }, { Swift.max($0, $1) }, { $0 })
    case .min: return try folded(x, axes, T.dtype, T.max, { (v: T) in v }, { Swift.min($0, $1) }, { $0 })
    case .sumOfMagnitudes, .sumOfSquares, .mean:
      throw ReferenceBackend.refusal(op.rawValue, T.dtype, expected: "a float type")
    case .any, .all: throw ReferenceBackend.refusal(op.rawValue, T.dtype, expected: "bool")
    }
  }

  /// Folds `x` over the marked axes.
  ///
  /// The order of additions depends on the shape alone: parts are of fixed size, whatever the number of threads.
  @inline(__always)
  private func folded<T: BitwiseCopyable, A: BitwiseCopyable, R: BitwiseCopyable>(
    _ x: Tensor, _ axes: [Bool], _ dtype: DType, _ initial: A, _ lift: (T) -> A, _ join: (A, A) -> A, _ store: (A) -> R
  ) throws -> Tensor {
    let x = x.isDense ? x : try x.contiguous()
    let plan = ReductionPlan(x, axes)
    let out = try Tensor.empty(plan.shape, dtype, layout: plan.layout)
    let result = out.pointer(R.self)
    let source = x.pointer(T.self)
    if x.count == 0 {
      for i in 0..<out.count { result[i] = store(initial) }
      return out
    }

    // One row of reduced neighbours: four chains, so that the additions overlap.
    func row(_ p: UnsafePointer<T>, _ n: Int) -> A {
      var (a, b, c, d) = (initial, initial, initial, initial)
      var i = 0
      while i + 4 <= n {
        a = join(a, lift(p[i]))
        b = join(b, lift(p[i + 1]))
        c = join(c, lift(p[i + 2]))
        d = join(d, lift(p[i + 3]))
        i += 4
      }
      while i < n {
        a = join(a, lift(p[i]))
        i += 1
      }
      return join(join(a, b), join(c, d))
    }

    let runs = plan.sizes.rank
    let first = plan.sizes[0]
    if runs == 1, !plan.isReduced(0) {
      Compute.parallel(first, grain: LoopNest.grain) { part in
        for i in part { result[i] = store(join(initial, lift(source[i]))) }
      }
      return out
    }
    if runs == 1 {
      let length = 16384
      let parts = (first + length - 1) / length
      if parts == 1 {
        result[0] = store(row(source, first))
        return out
      }
      let partial = try Storage(byteCount: parts * MemoryLayout<A>.stride)
      let sums = partial.base.assumingMemoryBound(to: A.self)
      Compute.parallel(parts, grain: 2) { part in
        for k in part { sums[k] = row(source + k * length, min(length, first - k * length)) }
      }
      var total = initial
      for k in 0..<parts { total = join(total, sums[k]) }
      result[0] = store(total)
      withExtendedLifetime(partial) {}
      return out
    }

    // Everything inside one position of the first run, folded into `target`.
    let last = runs - 1
    let width = plan.sizes[last]
    let inner = x.count / first
    func fold(_ p: UnsafePointer<T>, _ target: UnsafeMutablePointer<A>) {
      var index = Dims(repeating: 0, rank: runs)
      var at = 0
      for r in 0..<(inner / width) {
        let p = p + r * width
        if plan.isReduced(last) {
          target[at] = join(target[at], row(p, width))
        } else {
          let target = target + at
          for j in 0..<width { target[j] = join(target[j], lift(p[j])) }
        }
        var i = last - 1
        while i > 0 {
          index[i] += 1
          at += plan.steps[i]
          if index[i] < plan.sizes[i] { break }
          index[i] = 0
          at -= plan.steps[i] * plan.sizes[i]
          i -= 1
        }
      }
    }

    let outputs = out.count
    let rowGrain = max(1, LoopNest.grain / max(inner, 1))
    if !plan.isReduced(0) {
      let each = outputs / first
      let buffer = try Storage(byteCount: outputs * MemoryLayout<A>.stride)
      let sums = buffer.base.assumingMemoryBound(to: A.self)
      Compute.parallel(first, grain: rowGrain) { part in
        for k in part {
          let target = sums + k * each
          for j in 0..<each { target[j] = initial }
          fold(source + k * inner, target)
          for j in 0..<each { result[k * each + j] = store(target[j]) }
        }
      }
      withExtendedLifetime(buffer) {}
    } else {
      let parts = max(1, min(first, 16, x.count / max(outputs * 4, 65536)))
      let buffer = try Storage(byteCount: parts * outputs * MemoryLayout<A>.stride)
      let sums = buffer.base.assumingMemoryBound(to: A.self)
      Compute.parallel(parts, grain: 1) { part in
        for k in part {
          let target = sums + k * outputs
          for j in 0..<outputs { target[j] = initial }
          for i in (k * first / parts)..<((k + 1) * first / parts) { fold(source + i * inner, target) }
        }
      }
      for j in 0..<outputs {
        var total = sums[j]
        for k in 1..<max(parts, 1) { total = join(total, sums[k * outputs + j]) }
        result[j] = store(total)
      }
      withExtendedLifetime(buffer) {}
    }
    return out
  }

  func argExtreme(_ x: Tensor, axis: Int, largest: Bool) throws -> Tensor {
    switch x.dtype {
    case .f32: try arg(x, axis, largest, Float.self)
    case .f64: try arg(x, axis, largest, Double.self)
    case .f16, .bf16: try argExtreme(convert(x, to: .f32), axis: axis, largest: largest)
    case .i8, .u8, .i16, .u16, .bool: try argExtreme(convert(x, to: .i32), axis: axis, largest: largest)
    case .i32: try arg(x, axis, largest, Int32.self)
    case .i64: try arg(x, axis, largest, Int64.self)
    }
  }

  private func arg<T: Number>(_ x: Tensor, _ axis: Int, _ largest: Bool, _: T.Type) throws -> Tensor {
    let out = try Tensor.empty(x.shape.replacing(axis, with: 1), .i64)
    let (n, step) = (x.shape.dims[axis], x.layout[axis])
    let nest = LoopNest(out.shape, out.layout, x.layout)
    let (result, source) = (out.pointer(Int64.self), x.pointer(T.self))
    let (s, t) = (nest.inner(0), nest.inner(1))
    nest.forEachRow { count, o, i, _, _ in
      for k in 0..<count {
        let p = source + (i + k * t)
        var best = p[0]
        var position = 0
        for j in 1..<max(n, 1) {
          let v = p[j * step]
          if best != best { break }
          if (largest ? v > best : v < best) || v != v {
            best = v
            position = j
          }
        }
        result[o + k * s] = Int64(position)
      }
    }
    return out
  }
}

/// A dense tensor's axes in memory order, neighbours of the same fate joined: alternating runs that are kept or reduced.
struct ReductionPlan {
  let sizes: Dims
  /// Steps in the result, 0 for reduced runs.
  let steps: Dims
  private let reduced: Int
  /// The result: reduced axes of size 1, the kept ones in the order in which they lie in the input.
  let shape: Shape
  let layout: Dims

  @inline(__always) func isReduced(_ run: Int) -> Bool { reduced >> run & 1 == 1 }

  init(_ x: Tensor, _ axes: [Bool]) {
    var dims = x.shape.dims
    for i in 0..<x.rank where axes[i] { dims[i] = 1 }
    shape = Shape(dims)
    let order = x.strideOrder
    var (sizes, steps, reduced) = (Dims(), Dims(), 0)
    for k in 0..<x.rank {
      let i = order[k]
      let size = x.shape.dims[i]
      if size == 1 { continue }
      let last = sizes.rank - 1
      if last >= 0, (reduced >> last & 1 == 1) == axes[i] {
        sizes[last] *= size
      } else {
        if axes[i] { reduced |= 1 << sizes.rank }
        sizes.append(size)
      }
    }
    if sizes.rank == 0 { sizes.append(1) }
    steps.rank = sizes.rank
    var step = 1
    for k in stride(from: sizes.rank - 1, through: 0, by: -1) where reduced >> k & 1 == 0 {
      steps[k] = step
      step *= sizes[k]
    }
    var layout = Dims(repeating: 1, rank: x.rank)
    step = 1
    for k in stride(from: x.rank - 1, through: 0, by: -1) {
      layout[order[k]] = step
      step *= max(dims[order[k]], 1)
    }
    (self.sizes, self.steps, self.reduced, self.layout) = (sizes, steps, reduced, layout)
  }
}
