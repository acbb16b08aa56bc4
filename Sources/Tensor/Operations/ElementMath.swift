import Glibc
import Support

/// Elementary functions of each element, beside those in `Functions`. Floats only, with their derivatives.
extension Tensor {
  /// 2 to the power of each element.
  public func exp2() throws -> Tensor { try mappedByResult(.exp2, "exp2") { g, y in try g * y * M_LN2 } }
  /// exp(x) - 1, precise near 0.
  public func expm1() throws -> Tensor { try mapped(.expm1, "expm1") { g, x in try g * x.exp() } }
  /// log(1 + x), precise near 0; NaN below -1.
  public func log1p() throws -> Tensor { try mapped(.log1p, "log1p") { g, x in try g / (x + 1) } }
  /// The logarithm to base 2; NaN below 0.
  public func log2() throws -> Tensor { try mapped(.log2, "log2") { g, x in try g / (x * M_LN2) } }
  /// The logarithm to base 10; NaN below 0.
  public func log10() throws -> Tensor { try mapped(.log10, "log10") { g, x in try g / (x * M_LN10) } }
  /// The tangent of an angle in radians.
  public func tan() throws -> Tensor { try mappedByResult(.tan, "tan") { g, y in try g * (y.square() + 1) } }
  /// The angle with that sine, -pi/2...pi/2; NaN outside -1...1.
  public func asin() throws -> Tensor { try mapped(.asin, "asin") { g, x in try g * (1 - x.square()).rsqrt() } }
  /// The angle with that cosine, 0...pi; NaN outside -1...1.
  public func acos() throws -> Tensor { try mapped(.acos, "acos") { g, x in try -(g * (1 - x.square()).rsqrt()) } }
  /// The angle with that tangent, -pi/2...pi/2.
  public func atan() throws -> Tensor { try mapped(.atan, "atan") { g, x in try g / (x.square() + 1) } }
  /// The hyperbolic sine, (exp(x) - exp(-x)) / 2.
  public func sinh() throws -> Tensor { try mapped(.sinh, "sinh") { g, x in try g * x.cosh() } }
  /// The hyperbolic cosine, (exp(x) + exp(-x)) / 2.
  public func cosh() throws -> Tensor { try mapped(.cosh, "cosh") { g, x in try g * x.sinh() } }
  /// The number with that hyperbolic sine.
  public func asinh() throws -> Tensor { try mapped(.asinh, "asinh") { g, x in try g * (x.square() + 1).rsqrt() } }
  /// NaN below 1.
  public func acosh() throws -> Tensor { try mapped(.acosh, "acosh") { g, x in try g * (x.square() - 1).rsqrt() } }
  /// NaN outside -1...1.
  public func atanh() throws -> Tensor { try mapped(.atanh, "atanh") { g, x in try g / (1 - x.square()) } }
  /// The nearest whole number toward 0.
  public func trunc() throws -> Tensor { try flat(.trunc) }
  /// Whether each element is infinite, as bool.
  public func isInfinite() throws -> Tensor { try Compute.backend.unary(.isInfinite, detached()) }

  /// The angle of the point (x, y), -pi...pi, where this tensor is y; with broadcasting.
  public func atan2(_ x: Tensor) throws -> Tensor {
    let angle = try Tensor.binary(.atan2, detached(), x.detached())
    guard records || x.records else { return angle }
    let (p, q) = (detached(), x.detached())
    return angle.recorded("atan2", self, x, repeatable: true) { g, pullback in
      let (y, x) = (pullback.input(0, p), pullback.input(1, q))
      let share = try g / (x.square() + y.square())
      try pullback.add(0, (share * x).reduced(to: p.shape))
      try pullback.add(1, (-share * y).reduced(to: q.shape))
    }
  }

  /// The quotient rounded down (Python's //), with broadcasting; its derivative is 0.
  /// - Throws: `argument` for an integer divisor 0.
  public func floorDivide(_ other: Tensor) throws -> Tensor {
    let y = try Tensor.binary(.floorDiv, detached(), other.detached())
    guard records || other.records else { return y }
    let (p, q) = (shape, other.shape)
    return y.recorded("floorDivide", self, other, repeatable: true) { g, pullback in
      try pullback.add(0, Tensor.zeros(p, g.dtype))
      try pullback.add(1, Tensor.zeros(q, g.dtype))
    }
  }
  /// As `floorDivide` with one divisor for all elements.
  /// - Throws: `dtype` if an integer type cannot hold the number, `argument` for an integer divisor 0.
  public func floorDivide(_ other: Double) throws -> Tensor { try floorDivide(held(other, "floorDivide")) }

  /// What a division rounded down leaves, with the sign of the divisor (Python's %); with broadcasting.
  /// - Throws: `argument` for an integer divisor 0.
  public func remainder(_ other: Tensor) throws -> Tensor {
    try rest(.floorMod, "remainder", other) { try ($0 / $1).floor() }
  }
  /// As `remainder` with one divisor for all elements.
  /// - Throws: `dtype` if an integer type cannot hold the number, `argument` for an integer divisor 0.
  public func remainder(_ other: Double) throws -> Tensor { try remainder(held(other, "remainder")) }

  /// What a division rounded toward 0 leaves, with the sign of the dividend (C's fmod); with broadcasting.
  /// - Throws: `argument` for an integer divisor 0.
  public func fmod(_ other: Tensor) throws -> Tensor {
    guard !dtype.isFloating else { return try rest(.mod, "fmod", other) { try ($0 / $1).trunc() } }
    return try self - (self / other) * other
  }
  /// As `fmod` with one divisor for all elements.
  /// - Throws: `dtype` if an integer type cannot hold the number, `argument` for an integer divisor 0.
  public func fmod(_ other: Double) throws -> Tensor { try fmod(held(other, "fmod")) }

  private func rest(
    _ op: BinaryOperation, _ name: StaticString, _ other: Tensor, quotient: @escaping @Sendable (Tensor, Tensor) throws -> Tensor
  ) throws -> Tensor {
    let y = try Tensor.binary(op, detached(), other.detached())
    guard records || other.records else { return y }
    let (a, b) = (detached(), other.detached())
    return y.recorded(name, self, other, repeatable: true) { g, pullback in
      try pullback.add(0, g.reduced(to: a.shape))
      try pullback.add(1, (-g * quotient(a, b)).reduced(to: b.shape))
    }
  }

  /// A number as a tensor of this dtype.
  /// - Throws: `dtype` if an integer type cannot hold it.
  func held(_ number: Double, _ op: String) throws -> Tensor {
    let scalar = try Tensor.scalar(number, dtype)
    guard try dtype.isFloating || scalar.item() == number else {
      throw PareError(.dtype, "[\(op)] \(number) is not a number of \(dtype)", op: op)
    }
    return scalar
  }

  /// a + weight (b - a): this tensor at 0, `end` at 1, on the line beyond; exact at both.
  public func lerp(_ end: Tensor, weight: Double) throws -> Tensor {
    weight.magnitude < 0.5 ? try self + (end - self) * weight : try end - (end - self) * (1 - weight)
  }

  /// a + weight (b - a) with a weight for each element; all three broadcast.
  public func lerp(_ end: Tensor, weight: Tensor) throws -> Tensor {
    let way = try end - self
    return try Tensor.where(weight.abs().lt(0.5), self + way * weight, end - way * (1 - weight))
  }

  /// The opposite bits of integers; of bool the opposite.
  public func bitNot() throws -> Tensor { try dtype == .bool ? not() : Compute.backend.unary(.bitNot, detached()) }

  /// Integers times 2 to the power of `bits`, with broadcasting. From the width on everything is shifted out; a negative
  /// number shifts the other way.
  public func shiftedLeft(_ bits: Tensor) throws -> Tensor { try Tensor.binary(.shiftLeft, self, bits) }
  /// As `shiftedLeft` with one count of bits for all elements.
  /// - Throws: `dtype` for floats and bool, or if the elements' type cannot hold the count.
  public func shiftedLeft(_ bits: Int) throws -> Tensor { try shiftedLeft(held(Double(bits), "shiftedLeft")) }

  /// Integers shifted down, the sign kept, with broadcasting; see `shiftedLeft`.
  public func shiftedRight(_ bits: Tensor) throws -> Tensor { try Tensor.binary(.shiftRight, self, bits) }
  /// As `shiftedRight` with one count of bits for all elements.
  /// - Throws: `dtype` for floats and bool, or if the elements' type cannot hold the count.
  public func shiftedRight(_ bits: Int) throws -> Tensor { try shiftedRight(held(Double(bits), "shiftedRight")) }
}
