import Support

extension Tensor {
  /// Checks the dtypes of two operands and returns the shape that they broadcast to.
  @inline(__always)
  static func operands(_ op: @autoclosure () -> String, _ a: Tensor, _ b: Tensor) throws -> Shape {
    guard a.dtype == b.dtype else {
      throw PareError(
        .dtype, "[\(op())] operands of \(a.dtype) and \(b.dtype)", expected: "one dtype",
        suggestion: "convert with converted(to:), in Lua x:to(\"f32\")", op: op())
    }
    return try Shape.broadcast(a.shape, b.shape, op())
  }

  static func binary(_ op: BinaryOperation, _ a: Tensor, _ b: Tensor) throws -> Tensor {
    let shape = try operands(op.rawValue, a, b)
    return try Compute.backend.binary(op, a, b, shape)
  }

  /// A number operand takes the tensor's dtype, which must hold it if it is an integer type.
  static func binary(_ op: BinaryOperation, _ a: Tensor, _ number: Double, swapped: Bool = false) throws -> Tensor {
    if !a.dtype.isFloating, try Tensor.scalar(number, a.dtype).item() != number {
      throw PareError(
        .dtype, "[\(op.rawValue)] \(number) is not a number of \(a.dtype)", op: op.rawValue)
    }
    return try Compute.backend.binary(op, a, number: number, swapped: swapped)
  }

  /// Adds element by element, with broadcasting; integers wrap.
  /// - Throws: `dtype` for two dtypes or bool, `shape` for shapes that do not broadcast.
  public static func + (a: Tensor, b: Tensor) throws -> Tensor {
    let y = try binary(.add, a, b)
    guard a.records || b.records else { return y }
    let (p, q) = (a.shape, b.shape)
    return y.recorded("add", a, b, repeatable: true) { g, pullback in
      try pullback.add(0, g.reduced(to: p))
      try pullback.add(1, g.reduced(to: q))
    }
  }

  /// Subtracts element by element, with broadcasting; integers wrap.
  /// - Throws: `dtype` for two dtypes or bool, `shape` for shapes that do not broadcast.
  public static func - (a: Tensor, b: Tensor) throws -> Tensor {
    let y = try binary(.sub, a, b)
    guard a.records || b.records else { return y }
    let (p, q) = (a.shape, b.shape)
    return y.recorded("sub", a, b, repeatable: true) { g, pullback in
      try pullback.add(0, g.reduced(to: p))
      try pullback.add(1, (-g).reduced(to: q))
    }
  }

  /// Multiplies element by element, with broadcasting; integers wrap. For the matrix product see `matmul`.
  /// - Throws: `dtype` for two dtypes or bool, `shape` for shapes that do not broadcast.
  public static func * (a: Tensor, b: Tensor) throws -> Tensor {
    let y = try binary(.mul, a, b)
    guard a.records || b.records else { return y }
    let (p, q) = (a.detached(), b.detached())
    return y.recorded("mul", a, b, repeatable: true) { g, pullback in
      let (p, q) = (pullback.input(0, p), pullback.input(1, q))
      try pullback.add(0, (g * q).reduced(to: p.shape))
      try pullback.add(1, (g * p).reduced(to: q.shape))
    }
  }

  /// Divides. Integers round toward zero; a zero divisor among them is an error.
  public static func / (a: Tensor, b: Tensor) throws -> Tensor {
    let y = try binary(.div, a, b)
    guard a.records || b.records else { return y }
    let (p, q) = (a.shape, b.detached())
    return y.recorded("div", a, b, repeatable: true) { g, pullback in
      let (q, y) = (pullback.input(1, q), pullback.output(y))
      let scaled = try g / q
      try pullback.add(0, scaled.reduced(to: p))
      try pullback.add(1, (-scaled * y).reduced(to: q.shape))
    }
  }

  /// Adds a number to each element; the dtype stays and integers wrap.
  /// - Throws: `dtype` for bool, or if an integer type cannot hold the number.
  public static func + (a: Tensor, b: Double) throws -> Tensor {
    let y = try binary(.add, a, b)
    return a.records ? y.recorded("add", a, repeatable: true) { g, pullback in pullback.add(0, g) } : y
  }
  /// Adds each element to a number, as `tensor + number`.
  public static func + (a: Double, b: Tensor) throws -> Tensor { try b + a }

  /// Subtracts a number from each element; the dtype stays and integers wrap.
  /// - Throws: `dtype` for bool, or if an integer type cannot hold the number.
  public static func - (a: Tensor, b: Double) throws -> Tensor {
    let y = try binary(.sub, a, b)
    return a.records ? y.recorded("sub", a, repeatable: true) { g, pullback in pullback.add(0, g) } : y
  }
  /// Subtracts each element from a number; the dtype stays and integers wrap.
  /// - Throws: `dtype` for bool, or if an integer type cannot hold the number.
  public static func - (a: Double, b: Tensor) throws -> Tensor {
    let y = try binary(.sub, b, a, swapped: true)
    return b.records ? y.recorded("sub", b, repeatable: true) { g, pullback in try pullback.add(0, -g) } : y
  }

  /// Multiplies each element by a number; the dtype stays and integers wrap.
  /// - Throws: `dtype` for bool, or if an integer type cannot hold the number.
  public static func * (a: Tensor, b: Double) throws -> Tensor {
    let y = try binary(.mul, a, b)
    return a.records ? y.recorded("mul", a, repeatable: true) { g, pullback in try pullback.add(0, g * b) } : y
  }
  /// Multiplies a number by each element, as `tensor * number`.
  public static func * (a: Double, b: Tensor) throws -> Tensor { try b * a }

  /// Divides each element by a number; integers round toward zero.
  /// - Throws: `dtype` for bool, or if an integer type cannot hold the number; `argument` for an integer divisor 0.
  public static func / (a: Tensor, b: Double) throws -> Tensor {
    let y = try binary(.div, a, b)
    return a.records ? y.recorded("div", a, repeatable: true) { g, pullback in try pullback.add(0, g / b) } : y
  }
  /// Divides a number by each element; integers round toward zero.
  /// - Throws: `dtype` for bool, or if an integer type cannot hold the number; `argument` for an integer divisor 0.
  public static func / (a: Double, b: Tensor) throws -> Tensor {
    let y = try binary(.div, b, a, swapped: true)
    guard b.records else { return y }
    let q = b.detached()
    return y.recorded("div", b, repeatable: true) { g, pullback in
      let (q, y) = (pullback.input(0, q), pullback.output(y))
      try pullback.add(0, -(g * y) / q)
    }
  }

  /// The opposite number; see `neg`.
  public static prefix func - (a: Tensor) throws -> Tensor { try a.neg() }

  /// Raises to a power, element by element.
  public func pow(_ exponent: Double) throws -> Tensor {
    let y = try Tensor.binary(.pow, self, exponent)
    guard records else { return y }
    let x = detached()
    return y.recorded("pow", self, repeatable: true) { g, pullback in
      // 0 for the power 0, also where 0 * x^-1 would be NaN.
      let x = pullback.input(0, x)
      try pullback.add(0, exponent == 0 ? g * 0 : g * (x.pow(exponent - 1) * exponent))
    }
  }

  /// Raises to a power, element by element, with broadcasting.
  public func pow(_ exponent: Tensor) throws -> Tensor {
    let y = try Tensor.binary(.pow, self, exponent)
    guard records || exponent.records else { return y }
    let (x, e) = (detached(), exponent.detached())
    return y.recorded("pow", self, exponent, repeatable: true) { g, pullback in
      let (x, e, y) = (pullback.input(0, x), pullback.input(1, e), pullback.output(y))
      try pullback.add(0, (g * (e * x.pow(e - 1))).reduced(to: x.shape))
      // The slope along the exponent is 0 where the base is 0.
      if pullback.needs(1) {
        let slope = try Tensor.where(x.eq(0), Tensor.scalar(1, x.dtype), x).log()
        try pullback.add(1, (g * y * slope).reduced(to: e.shape))
      }
    }
  }

  /// The remainder of a division: floats with the sign of the dividend (C's fmod), integers with that of the divisor.
  public func mod(_ other: Tensor) throws -> Tensor { try dtype.isFloating ? fmod(other) : remainder(other) }
  /// As `mod` with one divisor for all elements.
  /// - Throws: `dtype` if an integer type cannot hold the number, `argument` for an integer divisor 0.
  public func mod(_ other: Double) throws -> Tensor { try mod(held(other, "mod")) }

  /// The larger of two elements, with broadcasting; NaN wins. Where both are equal, each gets half of the gradient.
  public func maximum(_ other: Tensor) throws -> Tensor { try extreme(.maximum, other) }
  /// The smaller of two elements, with broadcasting; NaN wins. Where both are equal, each gets half of the gradient.
  public func minimum(_ other: Tensor) throws -> Tensor { try extreme(.minimum, other) }
  /// The larger of each element and a number, which is converted to the dtype as by `converted(to:)`; NaN wins.
  /// An element equal to the number gets half of the gradient.
  public func maximum(_ other: Double) throws -> Tensor { try extreme(.maximum, Tensor.scalar(other, dtype)) }
  /// The smaller of each element and a number, which is converted to the dtype as by `converted(to:)`; NaN wins.
  /// An element equal to the number gets half of the gradient.
  public func minimum(_ other: Double) throws -> Tensor { try extreme(.minimum, Tensor.scalar(other, dtype)) }

  private func extreme(_ op: BinaryOperation, _ other: Tensor) throws -> Tensor {
    let y = try Tensor.binary(op, self, other)
    guard records || other.records else { return y }
    let (a, b) = (detached(), other.detached())
    return y.recorded("maximum", self, other, repeatable: true) { g, pullback in
      let (left, right) = (try a.eq(y).converted(to: g.dtype), try b.eq(y).converted(to: g.dtype))
      let share = try g / (left + right)
      try pullback.add(0, (share * left).reduced(to: a.shape))
      try pullback.add(1, (share * right).reduced(to: b.shape))
    }
  }

  /// Logical on bool, bit by bit on integers; with broadcasting.
  public func and(_ other: Tensor) throws -> Tensor { try Tensor.binary(.and, self, other) }
  /// Logical (true where at least one is) on bool, bit by bit on integers; with broadcasting.
  public func or(_ other: Tensor) throws -> Tensor { try Tensor.binary(.or, self, other) }
  /// Logical (true where exactly one is) on bool, bit by bit on integers; with broadcasting.
  public func xor(_ other: Tensor) throws -> Tensor { try Tensor.binary(.xor, self, other) }
  /// The opposite of a bool.
  public func not() throws -> Tensor { try Compute.backend.unary(.not, self) }
}
