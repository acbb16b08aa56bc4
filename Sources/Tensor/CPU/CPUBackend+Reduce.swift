import CKernels
import Support

/// Reductions: folds by the kernels of `Reduce.h`. The order of additions depends on the shape alone, never on threads.
extension CPUBackend {
  func reduce(_ op: Reduction, _ x: Tensor, axes: [Bool]) throws -> Tensor {
    // The reference says what is wrong.
    guard op.takes(x.dtype) else { return try reference.reduce(op, x, axes: axes) }
    let x = x.isDense ? x : try x.contiguous()
    let plan = ReductionPlan(x, axes)
    let dtype = op.result(of: x.dtype)
    let out = try Tensor.empty(plan.shape, dtype, layout: plan.layout)
    guard out.count > 0 else { return out }
    let divisor = op == .mean ? Double(x.count / out.count) : nil
    let fold = Fold(op, x.dtype, result: dtype, divisor: divisor)
    let (source, result) = (UnsafeRawPointer(x.address), out.address)
    let inner = x.count / max(plan.sizes[0], 1)
    if x.count == 0 {
      try fold.gathering(out.count) { fold.finish($0, result, out.count) }
    } else if plan.sizes.rank == 1 {
      if plan.isReduced(0) {
        try fold.all(source, x.count, result)
      } else {
        try fold.columns(source, rows: 1, width: x.count, result)
      }
    } else if !plan.isReduced(0) {
      try fold.each(plan, source, inner: inner, outputs: out.count / plan.sizes[0], result)
    } else if plan.sizes.rank == 2 {
      try fold.columns(source, rows: plan.sizes[0], width: inner, result)
    } else {
      try fold.together(plan, source, inner: inner, outputs: out.count, result)
    }
    withExtendedLifetime(x) {}
    return out
  }

  func argExtreme(_ x: Tensor, axis: Int, largest: Bool) throws -> Tensor {
    switch x.dtype {
    case .f32, .f64, .i32, .i64: break
    case .f16, .bf16: return try argExtreme(convert(x, to: .f32), axis: axis, largest: largest)
    default: return try argExtreme(convert(x, to: .i32), axis: axis, largest: largest)
    }
    let out = try Tensor.empty(x.shape.replacing(axis, with: 1), .i64)
    let (n, step) = (x.shape.dims[axis], x.layout[axis])
    let nest = LoopNest(out.shape, out.layout, x.layout, grain: max(1, LoopNest.grain / max(n, 1)))
    let (result, source) = (out.pointer(Int64.self), UnsafeRawPointer(x.address))
    let (type, size, columnStep) = (x.dtype.element, x.dtype.size, nest.inner(1))
    try nest.forEachRow { count, o, i, _, _ in
      pare_arg_extreme(largest ? 1 : 0, type, result + o, source + i * size, count, columnStep, n, step)
    }
    return out
  }
}

/// One reduction of elements of one type: how elements are folded and what becomes of what was gathered.
private struct Fold {
  private let code: pare_reduction
  /// Joins what several parts gathered.
  private let join: pare_reduction
  private let type: pare_element
  private let gathered: pare_element
  private let result: pare_element
  private let initial: Double
  private let divisor: Double?
  /// Bytes of an element, of what is gathered for an output, of an output.
  private let (size, width, resultSize): (Int, Int, Int)

  init(_ op: Reduction, _ dtype: DType, result: DType, divisor: Double?) {
    code = op.code
    join = op == .sumOfSquares || op == .sumOfMagnitudes ? PARE_SUM : op.code
    type = dtype.element
    gathered = pare_gathered(code, type)
    self.result = result.element
    self.divisor = divisor
    initial =
      switch op {
      case .sum, .mean, .sumOfSquares, .sumOfMagnitudes, .any: 0
      case .prod, .all: 1
      case .max: -.infinity
      case .min: .infinity
      }
    size = dtype.size
    width = gathered == PARE_F64 || gathered == PARE_I64 ? 8 : gathered == PARE_BOOL ? 1 : 4
    resultSize = result.size
  }

  /// Calls `body` with room for `count` outputs, at the fold's beginning.
  func gathering(_ count: Int, _ body: (UnsafeMutableRawPointer) throws -> Void) throws {
    if count <= 64 {
      return try withUnsafeTemporaryAllocation(byteCount: 64 * width, alignment: 64) { buffer in
        guard let base = buffer.baseAddress else { return }
        begin(base, count)
        try body(base)
      }
    }
    let storage = try Storage(byteCount: count * width)
    begin(storage.base, count)
    try body(storage.base)
    withExtendedLifetime(storage) {}
  }

  private func begin(_ target: UnsafeMutableRawPointer, _ count: Int) {
    withUnsafePointer(to: initial) {
      pare_convert(gathered, target, pare_operand(data: $0, stride: 0, type: PARE_F64), count)
    }
  }

  /// Turns what was gathered into results.
  func finish(_ sums: UnsafeMutableRawPointer, _ target: UnsafeMutableRawPointer, _ count: Int) {
    if let divisor {
      let values = sums.assumingMemoryBound(to: Double.self)
      for i in 0..<count { values[i] /= divisor }
    }
    pare_convert(result, target, pare_operand(data: sums, stride: 1, type: gathered), count)
  }

  /// Everything into one: parts of fixed length, then the parts in order.
  func all(_ source: UnsafeRawPointer, _ count: Int, _ target: UnsafeMutableRawPointer) throws {
    let length = 16384
    let parts = (count + length - 1) / length
    try gathering(parts) { sums in
      try Compute.parallel(parts, grain: 2) { part in
        for k in part {
          pare_fold_within(code, type, sums + k * width, source + k * length * size, 1, min(length, count - k * length))
        }
      }
      if parts > 1 {
        try gathering(1) { total in
          pare_fold_within(join, gathered, total, sums, 1, parts)
          finish(total, target, 1)
        }
      } else {
        finish(sums, target, 1)
      }
    }
  }

  /// Rows into one row. Wide rows are cut into blocks of columns, whose sums stay in the first cache; narrow ones are
  /// seen as fewer wide ones, so that the loops are long, and cut into parts of fixed number.
  func columns(_ source: UnsafeRawPointer, rows: Int, width columns: Int, _ target: UnsafeMutableRawPointer) throws {
    let block = 1024
    if columns >= 4 * block || rows == 1 {
      try gathering(columns) { sums in
        let blocks = (columns + block - 1) / block
        try Compute.parallel(blocks, grain: max(1, LoopNest.grain / (rows * block))) { part in
          for k in part {
            let (first, n) = (k * block, min(block, columns - k * block))
            pare_fold_across(code, type, sums + first * width, source + first * size, rows, n, columns)
            finish(sums + first * width, target + first * resultSize, n)
          }
        }
      }
      return
    }
    // `joined` rows side by side are one row of `wide` elements; those left over at the end come last.
    let joined = columns >= 128 ? 1 : min(rows, (256 + columns - 1) / columns)
    let (wide, count) = (columns * joined, rows / joined)
    let parts = max(1, min(count, 16, rows * columns / max(wide * 4, 65536)))
    try gathering(parts * wide) { sums in
      try Compute.parallel(parts, grain: 1) { part in
        for k in part {
          let (first, end) = (k * count / parts, (k + 1) * count / parts)
          pare_fold_across(code, type, sums + k * wide * width, source + first * wide * size, end - first, wide, wide)
        }
      }
      try gathering(columns) { total in
        pare_fold_across(join, gathered, total, sums, parts * joined, columns, columns)
        let left = rows - count * joined
        pare_fold_across(code, type, total, source + count * wide * size, left, columns, columns)
        finish(total, target, columns)
      }
    }
  }

  /// The first run is kept: every position of it by itself.
  func each(
    _ plan: ReductionPlan, _ source: UnsafeRawPointer, inner: Int, outputs: Int, _ target: UnsafeMutableRawPointer
  ) throws {
    let count = plan.sizes[0]
    try gathering(count * outputs) { sums in
      try Compute.parallel(count, grain: max(1, LoopNest.grain / inner)) { part in
        let (first, n) = (part.lowerBound, part.count)
        let (at, end) = (sums + first * outputs * width, n * outputs)
        if plan.sizes.rank == 2 {
          pare_fold_within(code, type, at, source + first * inner * size, n, inner)
        } else {
          for k in part { fold(plan, source + k * inner * size, inner, sums + k * outputs * width) }
        }
        finish(at, target + first * outputs * resultSize, end)
      }
    }
  }

  /// The first run is reduced, and more than one other: parts of fixed number, then the parts in order.
  func together(
    _ plan: ReductionPlan, _ source: UnsafeRawPointer, inner: Int, outputs: Int, _ target: UnsafeMutableRawPointer
  ) throws {
    let first = plan.sizes[0]
    let parts = max(1, min(first, 16, first * inner / max(outputs * 4, 65536)))
    try gathering((parts + 1) * outputs) { sums in
      try Compute.parallel(parts, grain: 1) { part in
        for k in part {
          for i in (k * first / parts)..<((k + 1) * first / parts) {
            fold(plan, source + i * inner * size, inner, sums + k * outputs * width)
          }
        }
      }
      let total = sums + parts * outputs * width
      pare_fold_across(join, gathered, total, sums, parts, outputs, outputs)
      finish(total, target, outputs)
    }
  }

  /// Everything inside one position of the first run. The last two runs are one call of a kernel: rows into outputs of
  /// their own, or into one another.
  private func fold(_ plan: ReductionPlan, _ source: UnsafeRawPointer, _ inner: Int, _ sums: UnsafeMutableRawPointer) {
    let last = plan.sizes.rank - 1
    let (rows, n) = last > 1 ? (plan.sizes[last - 1], plan.sizes[last]) : (1, plan.sizes[last])
    let matrix = rows * n
    var index = Dims(repeating: 0, rank: plan.sizes.rank)
    var at = 0
    for k in 0..<(inner / matrix) {
      let (p, target) = (source + k * matrix * size, sums + at * width)
      if plan.isReduced(last) {
        pare_fold_within(code, type, target, p, rows, n)
      } else {
        pare_fold_across(code, type, target, p, rows, n, n)
      }
      var i = last - 2
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
}

extension Reduction {
  fileprivate func takes(_ dtype: DType) -> Bool {
    switch self {
    case .any, .all: dtype == .bool
    case .sum: true
    case .max, .min, .prod: dtype != .bool
    case .mean, .sumOfSquares, .sumOfMagnitudes: dtype.isFloating
    }
  }

  /// Sums and products of integers are i64, so that counts of small types do not wrap.
  fileprivate func result(of dtype: DType) -> DType {
    (self == .sum || self == .prod) && !dtype.isFloating ? .i64 : dtype
  }

  fileprivate var code: pare_reduction {
    switch self {
    case .sum, .mean: PARE_SUM
    case .prod: PARE_PROD
    case .max: PARE_MAX
    case .min: PARE_MIN
    case .sumOfSquares: PARE_SUM_OF_SQUARES
    case .sumOfMagnitudes: PARE_SUM_OF_MAGNITUDES
    case .any: PARE_ANY
    case .all: PARE_ALL
    }
  }
}
