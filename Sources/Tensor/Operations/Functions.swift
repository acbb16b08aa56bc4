import Support

/// Functions of each element. Those with a derivative are differentiated; `sign`, `floor`, `ceil` and `round` have
/// derivative 0 (for another one see `straightThrough`).
extension Tensor {
  /// Runs a function whose derivative is computed from what it was given.
  func mapped(
    _ op: UnaryOperation, _ name: StaticString, _ gradient: @escaping @Sendable (_ g: Tensor, _ x: Tensor) throws -> Tensor
  ) throws -> Tensor {
    let x = detached()
    let y = try Compute.backend.unary(op, x)
    guard records else { return y }
    return y.recorded(name, self, repeatable: true) { g, pullback in
      let x = pullback.input(0, x)
      try pullback.add(0, gradient(g, x))
    }
  }

  /// Runs a function whose derivative is computed from its result.
  func mappedByResult(
    _ op: UnaryOperation, _ name: StaticString, _ gradient: @escaping @Sendable (_ g: Tensor, _ y: Tensor) throws -> Tensor
  ) throws -> Tensor {
    let y = try Compute.backend.unary(op, detached())
    guard records else { return y }
    return y.recorded(name, self, repeatable: true) { g, pullback in
      let y = pullback.output(y)
      try pullback.add(0, gradient(g, y))
    }
  }

  /// The opposite number.
  public func neg() throws -> Tensor { try mappedByResult(.neg, "neg") { g, _ in try -g } }
  /// The magnitude; the gradient at 0 is 0.
  public func abs() throws -> Tensor { try mapped(.abs, "abs") { g, x in try g * x.sign() } }
  /// The square root; NaN below 0.
  public func sqrt() throws -> Tensor { try mappedByResult(.sqrt, "sqrt") { g, y in try g / (y * 2) } }
  /// One over the square root.
  public func rsqrt() throws -> Tensor { try mappedByResult(.rsqrt, "rsqrt") { g, y in try g * (y * y * y) * -0.5 } }
  /// Each element times itself; integers wrap.
  public func square() throws -> Tensor { try mapped(.square, "square") { g, x in try g * (x * 2) } }
  /// e to the power of each element. Floats only.
  public func exp() throws -> Tensor { try mappedByResult(.exp, "exp") { g, y in try g * y } }
  /// The natural logarithm; NaN below 0.
  public func log() throws -> Tensor { try mapped(.log, "log") { g, x in try g / x } }
  /// The sine of an angle in radians. Floats only.
  public func sin() throws -> Tensor { try mapped(.sin, "sin") { g, x in try g * x.cos() } }
  /// The cosine of an angle in radians. Floats only.
  public func cos() throws -> Tensor { try mapped(.cos, "cos") { g, x in try -(g * x.sin()) } }
  /// The hyperbolic tangent, -1...1. Floats only.
  public func tanh() throws -> Tensor {
    try mappedByResult(.tanh, "tanh") { g, y in
      try Tensor.gradient(.tanhGradient, g, y) { try g * (1 - y.square()) }
    }
  }
  /// 1 / (1 + exp(-x)).
  public func sigmoid() throws -> Tensor {
    try mappedByResult(.sigmoid, "sigmoid") { g, y in
      try Tensor.gradient(.sigmoidGradient, g, y) { try g * y * (1 - y) }
    }
  }
  /// The error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x.
  public func erf() throws -> Tensor {
    try mapped(.erf, "erf") { g, x in try g * ((-(x * x)).exp() * (2 / Double.pi.squareRoot())) }
  }
  /// max(x, 0); the gradient at 0 is 0, NaN stays.
  public func relu() throws -> Tensor {
    try mappedByResult(.relu, "relu") { g, y in
      try Tensor.gradient(.reluGradient, g, y) { try Tensor.where(y.gt(0), g, Tensor.scalar(0, g.dtype)) }
    }
  }
  /// 1 / x, infinite at 0. Floats only.
  public func reciprocal() throws -> Tensor { try mappedByResult(.reciprocal, "reciprocal") { g, y in try -(g * (y * y)) } }
  /// -1, 0 or 1.
  public func sign() throws -> Tensor { try flat(.sign) }
  /// The largest whole number that is not larger.
  public func floor() throws -> Tensor { try flat(.floor) }
  /// The smallest whole number that is not smaller.
  public func ceil() throws -> Tensor { try flat(.ceil) }
  /// The nearest whole number, halves to the even one.
  public func round() throws -> Tensor { try flat(.round) }

  /// A function that is constant but for its steps.
  func flat(_ op: UnaryOperation) throws -> Tensor {
    try mappedByResult(op, "round") { g, _ in try Tensor.zeros(g.shape, g.dtype) }
  }

  /// A gradient by its own kernel, or as a composition where it is recorded.
  private static func gradient(_ op: BinaryOperation, _ g: Tensor, _ y: Tensor, recorded: () throws -> Tensor) throws -> Tensor {
    g.records || y.records ? try recorded() : try Compute.backend.binary(op, g.detached(), y.detached(), g.shape)
  }

  /// Limits every element to lower...upper; a missing bound is none. The gradient passes inside the bounds, both included.
  public func clip(min lower: Double? = nil, max upper: Double? = nil) throws -> Tensor {
    let (low, high) = (lower ?? -.infinity, upper ?? .infinity)
    guard !low.isNaN, !high.isNaN else { throw PareError(.argument, "[clip] a bound is not a number", op: "clip") }
    let x = detached()
    let y = try Compute.backend.clip(x, low, high)
    guard records else { return y }
    return y.recorded("clip", self, repeatable: true) { g, pullback in
      if !pullback.createsGraph, let inside = try Compute.backend.clipGradient(g, x, low, high) { return pullback.add(0, inside) }
      try pullback.add(0, Tensor.where(x.ge(low).and(x.le(high)), g, Tensor.scalar(0, g.dtype)))
    }
  }

  /// Whether each element is NaN, as bool.
  public func isNaN() throws -> Tensor { try Compute.backend.unary(.isNaN, detached()) }
  /// Whether each element is neither NaN nor infinite, as bool.
  public func isFinite() throws -> Tensor { try Compute.backend.unary(.isFinite, detached()) }
}

/// Comparisons give bool and are not differentiated. Tensors broadcast and need one dtype; numbers are compared exactly.
extension Tensor {
  private func compared(_ op: Comparison, _ other: Tensor) throws -> Tensor {
    let shape = try Tensor.operands(op.rawValue, self, other)
    return try Compute.backend.compare(op, self, other, shape)
  }
  private func compared(_ op: Comparison, _ number: Double) throws -> Tensor {
    try Compute.backend.compare(op, self, number: number)
  }
  /// Whether elements are equal; NaN equals nothing.
  /// - Throws: `dtype` for two dtypes, `shape` for shapes that do not broadcast; so do the other five.
  public func eq(_ other: Tensor) throws -> Tensor { try compared(.eq, other) }
  /// Whether elements differ; NaN differs from everything.
  public func ne(_ other: Tensor) throws -> Tensor { try compared(.ne, other) }
  /// Whether this tensor's element is smaller; false beside NaN.
  public func lt(_ other: Tensor) throws -> Tensor { try compared(.lt, other) }
  /// Whether this tensor's element is smaller or equal; false beside NaN.
  public func le(_ other: Tensor) throws -> Tensor { try compared(.le, other) }
  /// Whether this tensor's element is larger; false beside NaN.
  public func gt(_ other: Tensor) throws -> Tensor { try compared(.gt, other) }
  /// Whether this tensor's element is larger or equal; false beside NaN.
  public func ge(_ other: Tensor) throws -> Tensor { try compared(.ge, other) }
  /// Whether each element is exactly that number; false everywhere for a number that the dtype cannot hold.
  public func eq(_ number: Double) throws -> Tensor { try compared(.eq, number) }
  /// Whether each element differs from that number; true everywhere for a number that the dtype cannot hold.
  public func ne(_ number: Double) throws -> Tensor { try compared(.ne, number) }
  /// Whether each element is smaller than a number, which need not be one of the dtype; false for NaN.
  public func lt(_ number: Double) throws -> Tensor { try compared(.lt, number) }
  /// Whether each element is at most a number, which need not be one of the dtype; false for NaN.
  public func le(_ number: Double) throws -> Tensor { try compared(.le, number) }
  /// Whether each element is larger than a number, which need not be one of the dtype; false for NaN.
  public func gt(_ number: Double) throws -> Tensor { try compared(.gt, number) }
  /// Whether each element is at least a number, which need not be one of the dtype; false for NaN.
  public func ge(_ number: Double) throws -> Tensor { try compared(.ge, number) }

  /// Takes from `a` where `condition` (bool) is true and from `b` elsewhere; all three broadcast.
  public static func `where`(_ condition: Tensor, _ a: Tensor, _ b: Tensor) throws -> Tensor {
    guard condition.dtype == .bool else {
      throw PareError(.dtype, "[where] the condition is \(condition.dtype)", argument: "condition", expected: "bool", op: "where")
    }
    let shape = try Shape.broadcast(operands("where", a, b), condition.shape, "where")
    let mask = condition.detached()
    let y = try Compute.backend.select(mask, a, b, shape)
    guard a.records || b.records else { return y }
    let (p, q) = (a.shape, b.shape)
    return y.recorded("where", a, b, repeatable: true) { g, pullback in
      let zero = try Tensor.scalar(0, g.dtype)
      try pullback.add(0, Tensor.where(mask, g, zero).reduced(to: p))
      try pullback.add(1, Tensor.where(mask, zero, g).reduced(to: q))
    }
  }
}
