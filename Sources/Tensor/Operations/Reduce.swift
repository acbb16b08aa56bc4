import Support

/// Reductions. `axes` nil means all; negative axes count from the end; an empty list reduces nothing. Float sums are
/// accumulated in f64, in an order that depends on the shape alone.
extension Tensor {
  func marks(_ axes: [Int]?, _ op: @autoclosure () -> String) throws -> [Bool] {
    guard let axes else { return Array(repeating: true, count: rank) }
    var marks = Array(repeating: false, count: rank)
    for axis in axes { marks[try shape.axis(axis, op())] = true }
    return marks
  }

  private func reduce(_ op: Reduction, _ marks: [Bool], _ keepDims: Bool) throws -> Tensor {
    let kept = try Compute.backend.reduce(op, detached(), axes: marks)
    return keepDims ? kept : kept.dropping(marks)
  }

  /// Returns a view without the marked axes, which have size 1.
  func dropping(_ marks: [Bool]) -> Tensor {
    var (dims, layout) = (Dims(), Dims())
    for i in 0..<rank where !marks[i] {
      dims.append(shape.dims[i])
      layout.append(self.layout[i])
    }
    return view(Shape(dims), layout)
  }

  /// Returns a gradient with the reduced axes as size 1.
  static func kept(_ g: Tensor, _ origin: Shape, _ marks: [Bool]) throws -> Tensor {
    var dims = origin.dims
    for (i, mark) in marks.enumerated() where mark { dims[i] = 1 }
    return try g.reshaped(Shape(dims))
  }

  static func number(_ shape: Shape, _ marks: [Bool]) -> Int {
    marks.indices.reduce(1) { marks[$1] ? $0 * shape.dims[$1] : $0 }
  }

  /// The sum; of integers and bool as i64.
  public func sum(axes: [Int]? = nil, keepDims: Bool = false) throws -> Tensor {
    let marks = try marks(axes, "sum")
    let y = try reduce(.sum, marks, keepDims)
    guard records else { return y }
    let origin = shape
    return y.recorded("sum", self, repeatable: true) { g, pullback in
      try pullback.add(0, Tensor.kept(g, origin, marks).expanded(to: origin))
    }
  }

  /// The mean of floats; NaN of nothing.
  public func mean(axes: [Int]? = nil, keepDims: Bool = false) throws -> Tensor {
    let marks = try marks(axes, "mean")
    let y = try reduce(.mean, marks, keepDims)
    guard records else { return y }
    let origin = shape
    let n = Double(Swift.max(1, Tensor.number(shape, marks)))
    return y.recorded("mean", self, repeatable: true) { g, pullback in
      try pullback.add(0, (Tensor.kept(g, origin, marks) / n).expanded(to: origin))
    }
  }

  /// The product; of integers as i64.
  public func prod(axes: [Int]? = nil, keepDims: Bool = false) throws -> Tensor {
    let marks = try marks(axes, "prod")
    let y = try reduce(.prod, marks, keepDims)
    guard records else { return y }
    let x = detached()
    return y.recorded("prod", self, repeatable: true) { g, pullback in
      // With zeros among the factors: their own derivative is the product of the others, if it is the only one.
      let x = pullback.input(0, x)
      let zero = try x.eq(0)
      if pullback.createsGraph, try zero.any().item() != 0 {
        throw PareError(.unsupported, "[prod] its gradient cannot be differentiated again where a factor is 0", op: "prod")
      }
      let filled = try Tensor.where(zero, Tensor.scalar(1, x.dtype), x)
      let reduced = marks.indices.filter { marks[$0] }
      let others = try filled.prod(axes: reduced, keepDims: true)
      let zeros = try zero.converted(to: x.dtype).sum(axes: reduced, keepDims: true)
      let kept = try Tensor.kept(g, x.shape, marks)
      let none = try Tensor.where(zeros.eq(0), others, Tensor.scalar(0, x.dtype)) / filled
      let one = try Tensor.where(zeros.eq(1).and(zero), others, Tensor.scalar(0, x.dtype))
      try pullback.add(0, kept * (none + one))
    }
  }

  /// The largest element; NaN wins. Equal ones share the gradient.
  /// - Throws: `shape` when there is nothing to take it from.
  public func max(axes: [Int]? = nil, keepDims: Bool = false) throws -> Tensor { try extreme(.max, axes, keepDims) }

  /// The smallest element; NaN wins. Equal ones share the gradient.
  public func min(axes: [Int]? = nil, keepDims: Bool = false) throws -> Tensor { try extreme(.min, axes, keepDims) }

  private func extreme(_ op: Reduction, _ axes: [Int]?, _ keepDims: Bool) throws -> Tensor {
    let marks = try marks(axes, op.rawValue)
    guard Tensor.number(shape, marks) > 0 else {
      throw PareError(.shape, "[\(op.rawValue)] shape \(shape) has no elements to choose from", op: op.rawValue)
    }
    let y = try reduce(op, marks, keepDims)
    guard records else { return y }
    let x = detached()
    return y.recorded("max", self, repeatable: true) { g, pullback in
      let chosen = try x.eq(Tensor.kept(y, x.shape, marks)).converted(to: x.dtype)
      let share = try Tensor.kept(g, x.shape, marks) / Compute.backend.reduce(.sum, chosen, axes: marks)
      try pullback.add(0, chosen * share)
    }
  }

  /// The first position of the largest element along an axis, i64; with no axis over all elements in row-major order.
  public func argmax(axis: Int? = nil, keepDims: Bool = false) throws -> Tensor { try arg(axis, keepDims, largest: true) }

  /// The first position of the smallest element along an axis, i64; with no axis over all elements in row-major order.
  public func argmin(axis: Int? = nil, keepDims: Bool = false) throws -> Tensor { try arg(axis, keepDims, largest: false) }

  private func arg(_ axis: Int?, _ keepDims: Bool, largest: Bool) throws -> Tensor {
    let name = largest ? "argmax" : "argmin"
    guard let axis else {
      let flat = try detached().reshaped([-1].map { count == 0 ? 0 : $0 })
      return try flat.arg(0, false, largest: largest)
    }
    let position = try shape.axis(axis, name)
    guard shape.dims[position] > 0 else {
      throw PareError(.shape, "[\(name)] shape \(shape) has no elements to choose from", op: name)
    }
    let kept = try Compute.backend.argExtreme(detached(), axis: position, largest: largest)
    return keepDims ? kept : kept.dropping((0..<rank).map { $0 == position })
  }

  /// The mean squared distance from the mean; with `unbiased` divided by n - 1. NaN of too few elements.
  public func variance(axes: [Int]? = nil, unbiased: Bool = true, keepDims: Bool = false) throws -> Tensor {
    let marks = try marks(axes, "variance")
    let all = marks.indices.filter { marks[$0] }
    let n = Tensor.number(shape, marks)
    let total = try (self - mean(axes: all, keepDims: true)).square().sum(axes: all, keepDims: keepDims)
    return try total / Double(unbiased ? Swift.max(n - 1, 0) : n)
  }

  /// The p-norm of floats: (sum |x|^p)^(1/p); infinity gives the largest magnitude, -infinity the smallest, 0 the
  /// number of elements that are not 0.
  public func norm(_ p: Double = 2, axes: [Int]? = nil, keepDims: Bool = false) throws -> Tensor {
    if p == .infinity { return try abs().max(axes: axes, keepDims: keepDims) }
    if p == -.infinity { return try abs().min(axes: axes, keepDims: keepDims) }
    if p == 0 { return try ne(0).converted(to: dtype).sum(axes: axes, keepDims: keepDims) }
    guard p > 0 else { throw PareError(.argument, "[norm] p is \(p)", argument: "p", expected: "a number from 0", op: "norm") }
    if p == 1 { return try abs().sum(axes: axes, keepDims: keepDims) }
    if p != 2 { return try abs().pow(p).sum(axes: axes, keepDims: keepDims).pow(1 / p) }
    let marks = try marks(axes, "norm")
    let y = try reduce(.sumOfSquares, marks, keepDims).sqrt()
    guard records else { return y }
    let x = detached()
    return y.recorded("norm", self, repeatable: true) { g, pullback in
      // At the origin the gradient is 0.
      let (x, y) = (pullback.input(0, x), pullback.output(y))
      let length = try Tensor.kept(y, x.shape, marks)
      let origin = try length.eq(0)
      let share = try Tensor.kept(g, x.shape, marks) / Tensor.where(origin, Tensor.scalar(1, x.dtype), length)
      try pullback.add(0, x * Tensor.where(origin, Tensor.scalar(0, x.dtype), share))
    }
  }

  /// Whether any element of a bool tensor is true.
  public func any(axes: [Int]? = nil, keepDims: Bool = false) throws -> Tensor {
    try reduce(.any, marks(axes, "any"), keepDims)
  }

  /// Whether all elements of a bool tensor are true.
  public func all(axes: [Int]? = nil, keepDims: Bool = false) throws -> Tensor {
    try reduce(.all, marks(axes, "all"), keepDims)
  }

  /// The number of elements that are not 0.
  public func countNonzero() throws -> Int {
    Int(number: try (dtype == .bool ? detached() : ne(0)).sum().item())
  }
}

extension Int {
  init(number: Double) { self = Int(Int64(number: number)) }
}
