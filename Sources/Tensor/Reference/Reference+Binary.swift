import Glibc
import Support

extension ReferenceBackend {
  func binary(_ op: BinaryOperation, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor {
    switch a.dtype {
    case .f32: return try real(op, a, b, shape, Float.self)
    case .f64: return try real(op, a, b, shape, Double.self)
    case .f16, .bf16: return try widened(a.dtype) { try binary(op, $0(a), $0(b), shape) }
    case .i8, .u8, .i16, .u16:
      return try convert(binary(op, convert(a, to: .i32), convert(b, to: .i32), shape), to: a.dtype)
    case .i32: return try whole(op, a, b, shape, Int32.self)
    case .i64: return try whole(op, a, b, shape, Int64.self)
    case .bool:
      switch op {
      case .and: return try Tensor.map2(a, b, shape, .bool) { (x: UInt8, y: UInt8) -> UInt8 in x != 0 && y != 0 ? 1 : 0 }
      case .or: return try Tensor.map2(a, b, shape, .bool) { (x: UInt8, y: UInt8) -> UInt8 in x != 0 || y != 0 ? 1 : 0 }
      case .xor: return try Tensor.map2(a, b, shape, .bool) { (x: UInt8, y: UInt8) -> UInt8 in (x != 0) != (y != 0) ? 1 : 0 }
      default: throw ReferenceBackend.refusal(op.rawValue, .bool, expected: "a number type")
      }
    }
  }

  private func real<T: Real>(_ op: BinaryOperation, _ a: Tensor, _ b: Tensor, _ shape: Shape, _: T.Type) throws -> Tensor {
    let d = T.dtype
    switch op {
    case .add: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in x + y }
    case .sub: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in x - y }
    case .mul: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in x * y }
    case .div: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in x / y }
    case .pow: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in T.power(x, y) }
    case .mod: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in T.remainder(x, y) }
    case .maximum: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in T.larger(x, y) }
    case .minimum: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in T.smaller(x, y) }
    case .reluGradient: return try Tensor.map2(a, b, shape, d) { (g: T, y: T) in y > 0 ? g : 0 }
    case .sigmoidGradient: return try Tensor.map2(a, b, shape, d) { (g: T, y: T) in g * y * (1 - y) }
    case .tanhGradient: return try Tensor.map2(a, b, shape, d) { (g: T, y: T) in g * (1 - y * y) }
    case .and, .or, .xor: throw ReferenceBackend.refusal(op.rawValue, d, expected: "bool")
    case .shiftLeft, .shiftRight: throw ReferenceBackend.refusal(op.rawValue, d, expected: "an integer type")
    case .atan2: return try Tensor.map2(a, b, shape, d) { (y: T, x: T) in T(number: Glibc.atan2(Double(y), Double(x))) }
    case .floorMod: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in T.floorRemainder(x, y) }
    case .floorDiv:
      // What is left after the remainder is taken off divides exactly, so that rounding cannot step over a whole number.
      return try Tensor.map2(a, b, shape, d) { (x: T, y: T) -> T in
        if y == 0 { return x / y }
        let quotient = (x - T.floorRemainder(x, y)) / y
        return quotient.rounded(.toNearestOrAwayFromZero)
      }
    case .siluGradient: return try Tensor.map2(a, b, shape, d) { (g: T, x: T) in g * T.siluSlope(x) }
    case .geluGradient: return try Tensor.map2(a, b, shape, d) { (g: T, x: T) in g * T.geluSlope(x) }
    case .geluTanhGradient: return try Tensor.map2(a, b, shape, d) { (g: T, x: T) in g * T.geluTanhSlope(x) }
    case .mishGradient: return try Tensor.map2(a, b, shape, d) { (g: T, x: T) in g * T.mishSlope(x) }
    }
  }

  private func whole<T: Whole>(_ op: BinaryOperation, _ a: Tensor, _ b: Tensor, _ shape: Shape, _: T.Type) throws -> Tensor {
    let d = T.dtype
    switch op {
    case .add: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in x &+ y }
    case .sub: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in x &- y }
    case .mul: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in x &* y }
    case .div, .mod, .floorDiv, .floorMod:
      let zero = try reduce(.any, compare(.eq, b, number: 0), axes: Array(repeating: true, count: b.rank))
      guard zero.pointer(UInt8.self)[0] == 0 else {
        throw PareError(.argument, "[\(op.rawValue)] a divisor of \(d) elements is 0", op: op.rawValue)
      }
      if op == .div { return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in T.over(x, y) } }
      if op == .floorDiv {
        return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in T.over(x &- T.remainder(x, y), y) }
      }
      return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in T.remainder(x, y) }
    case .pow: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in T.power(x, y) }
    case .maximum: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in T.larger(x, y) }
    case .minimum: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in T.smaller(x, y) }
    case .and: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in x & y }
    case .or: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in x | y }
    case .xor: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in x ^ y }
    // Beyond the width all bits are shifted out; a negative number shifts the other way.
    case .shiftLeft: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in x << y }
    case .shiftRight: return try Tensor.map2(a, b, shape, d) { (x: T, y: T) in x >> y }
    case .reluGradient, .sigmoidGradient, .tanhGradient, .siluGradient, .geluGradient, .geluTanhGradient, .mishGradient, .atan2:
      throw ReferenceBackend.refusal(op.rawValue, d, expected: "a float type")
    }
  }

  func binary(_ op: BinaryOperation, _ a: Tensor, number: Double, swapped: Bool) throws -> Tensor {
    switch a.dtype {
    case .f32: return try real(op, a, Float(number), swapped)
    case .f64: return try real(op, a, number, swapped)
    case .f16, .bf16: return try widened(a.dtype) { try binary(op, $0(a), number: number, swapped: swapped) }
    default:
      let b = try Tensor.full([], number, a.dtype)
      return swapped ? try binary(op, b, a, a.shape) : try binary(op, a, b, a.shape)
    }
  }

  private func real<T: Real>(_ op: BinaryOperation, _ a: Tensor, _ y: T, _ swapped: Bool) throws -> Tensor {
    let d = T.dtype
    switch (op, swapped) {
    case (.add, _): return try Tensor.map1(a, d) { (x: T) in x + y }
    case (.sub, false): return try Tensor.map1(a, d) { (x: T) in x - y }
    case (.sub, true): return try Tensor.map1(a, d) { (x: T) in y - x }
    case (.mul, _): return try Tensor.map1(a, d) { (x: T) in x * y }
    case (.div, false): return try Tensor.map1(a, d) { (x: T) in x / y }
    case (.div, true): return try Tensor.map1(a, d) { (x: T) in y / x }
    case (.pow, false):
      if y == 2 { return try unary(.square, a) }
      if y == 1 { return try Tensor.map1(a, d) { (x: T) in x } }
      return try Tensor.map1(a, d) { (x: T) in T.power(x, y) }
    case (.pow, true): return try Tensor.map1(a, d) { (x: T) in T.power(y, x) }
    case (.mod, false): return try Tensor.map1(a, d) { (x: T) in T.remainder(x, y) }
    case (.mod, true): return try Tensor.map1(a, d) { (x: T) in T.remainder(y, x) }
    case (.maximum, _): return try Tensor.map1(a, d) { (x: T) in T.larger(x, y) }
    case (.minimum, _): return try Tensor.map1(a, d) { (x: T) in T.smaller(x, y) }
    default: throw ReferenceBackend.refusal(op.rawValue, d, expected: "two tensors")
    }
  }
}
