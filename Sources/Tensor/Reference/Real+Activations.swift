/// Activations of one element and their slopes, written so that nothing overflows and tails keep their digits.
extension Real {
  /// x times the normal distribution's probability of less than x; by erfc, which stays precise far below 0.
  @inline(__always) static func gelu(_ x: Self) -> Self { x * chance(x) }

  /// The normal distribution's probability of less than x.
  @inline(__always) private static func chance(_ x: Self) -> Self { erfc(x * -0.7071067811865476) / 2 }

  @inline(__always) static func geluSlope(_ x: Self) -> Self {
    // 1 / sqrt(2 pi). Where the density is 0, x may be infinite.
    let density = exp(-x * x / 2) * 0.3989422804014327
    return chance(x) + (density == 0 ? 0 : x * density)
  }

  /// sqrt(2 / pi) (x + 0.044715 x^3)
  @inline(__always) private static func inner(_ x: Self) -> Self { 0.7978845608028654 * (x + 0.044715 * x * x * x) }

  /// (1 + tanh(inner)) / 2 as a sigmoid, which keeps its digits far below 0.
  @inline(__always) private static func gate(_ x: Self) -> Self { 1 / (1 + exp(-2 * inner(x))) }

  @inline(__always) static func geluTanh(_ x: Self) -> Self { x == -.infinity ? 0 : x * gate(x) }

  @inline(__always) static func geluTanhSlope(_ x: Self) -> Self {
    let s = gate(x)
    let bend = 2 * s * (1 - s)
    // Where the gate is flat, x may be infinite.
    if bend == 0 { return s }
    let innerSlope: Self = 0.7978845608028654 * (1 + 0.134145 * x * x)
    return s + x * bend * innerSlope
  }

  /// log(1 + exp(x))
  @inline(__always) static func softplus(_ x: Self) -> Self { (x > 0 ? x : x != x ? x : 0) + log1p(exp(-x.magnitude)) }

  @inline(__always) static func siluSlope(_ x: Self) -> Self {
    let s = 1 / (1 + exp(-x))
    let rest = 1 - s
    return s + (s == 0 || rest == 0 ? 0 : x * s * rest)
  }

  // With n = exp(2x) + 2 exp(x): tanh(log(1 + exp(x))) = n / (n + 2). Above 20 both are 1 in every digit.

  @inline(__always) static func mish(_ x: Self) -> Self {
    if x > 20 { return x }
    let e = exp(x)
    let n = e * (e + 2)
    return n == 0 ? 0 : x * (n / (n + 2))
  }

  @inline(__always) static func mishSlope(_ x: Self) -> Self {
    if x > 20 { return 1 }
    let e = exp(x)
    let n = e * (e + 2)
    if n == 0 { return 0 }
    // 1 - (n / (n + 2))^2 = 4 (n + 1) / (n + 2)^2, and n + 1 = (1 + e)^2, of which the sigmoid takes one 1 + e.
    return n / (n + 2) + x * e * (4 * (1 + e) / ((n + 2) * (n + 2)))
  }
}
