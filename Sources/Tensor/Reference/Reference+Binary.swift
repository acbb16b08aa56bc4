import Glibc
import Support

extension ReferenceBackend {
  func binary(_ op: BinaryOperation, _ a: Tensor, _ b: Tensor, _ shape: Shape) throws -> Tensor {
    if a.dtype.isFloating { return try Tensor.mapped(a, b, shape, numbers: real(op, a.dtype)) }
    let f = try whole(op, a.dtype)
    if a.dtype.isInteger, [.div, .mod, .floorDiv, .floorMod].contains(op) {
      let zero = try reduce(.any, compare(.eq, b, number: 0), axes: Array(repeating: true, count: b.rank))
      guard Elements(zero).whole(0) == 0 else {
        throw PareError(.argument, "[\(op.rawValue)] a divisor of \(a.dtype) elements is 0", op: op.rawValue)
      }
    }
    return try Tensor.mapped(a, b, shape, integers: f)
  }

  func binary(_ op: BinaryOperation, _ a: Tensor, number: Double, swapped: Bool) throws -> Tensor {
    guard a.dtype.isFloating else {
      let b = try Tensor.full([], number, a.dtype)
      return swapped ? try binary(op, b, a, a.shape) : try binary(op, a, b, a.shape)
    }
    if [.reluGradient, .sigmoidGradient, .tanhGradient, .siluGradient, .geluGradient, .geluTanhGradient, .mishGradient].contains(op) {
      throw ReferenceBackend.refusal(op.rawValue, a.dtype, expected: "two tensors")
    }
    let f = try real(op, a.dtype)
    // The number as f32 beside narrower floats, which are computed in it.
    let y = a.dtype == .f64 ? number : Double(Float(number))
    return try a.mapped(a.dtype, numbers: { swapped ? f(y, $0) : f($0, y) })
  }

  private func real(_ op: BinaryOperation, _ dtype: DType) throws -> (Double, Double) -> Double {
    switch op {
    case .add: { $0 + $1 }
    case .sub: { $0 - $1 }
    case .mul: { $0 * $1 }
    case .div: { $0 / $1 }
    case .pow: Glibc.pow
    case .mod: Glibc.fmod
    case .maximum: Double.larger
    case .minimum: Double.smaller
    case .reluGradient: { $1 > 0 ? $0 : 0 }
    case .sigmoidGradient: { $0 * $1 * (1 - $1) }
    case .tanhGradient: { $0 * (1 - $1 * $1) }
    case .siluGradient: { $0 * Double.siluSlope($1) }
    case .geluGradient: { $0 * Double.geluSlope($1) }
    case .geluTanhGradient: { $0 * Double.geluTanhSlope($1) }
    case .mishGradient: { $0 * Double.mishSlope($1) }
    case .atan2: Glibc.atan2
    case .floorMod: Double.floorRemainder
    // What is left after the remainder is taken off divides exactly, so that rounding cannot step over a whole number.
    case .floorDiv:
      { a, b in
        guard b != 0 else { return a / b }
        let r = a.truncatingRemainder(dividingBy: b), q = ((a - r) / b).rounded(.toNearestOrAwayFromZero)
        return r != 0 && (r < 0) != (b < 0) ? q - 1 : q
      }
    case .and, .or, .xor: throw ReferenceBackend.refusal(op.rawValue, dtype, expected: "bool")
    case .shiftLeft, .shiftRight: throw ReferenceBackend.refusal(op.rawValue, dtype, expected: "an integer type")
    }
  }

  private func whole(_ op: BinaryOperation, _ dtype: DType) throws -> (Int64, Int64) -> Int64 {
    switch op {
    case .and: return { $0 & $1 }
    case .or: return { $0 | $1 }
    case .xor: return { $0 ^ $1 }
    case _ where dtype == .bool: throw ReferenceBackend.refusal(op.rawValue, .bool, expected: "a number type")
    case .add: return { $0 &+ $1 }
    case .sub: return { $0 &- $1 }
    case .mul: return { $0 &* $1 }
    case .div: return Int64.over
    case .mod, .floorMod: return Int64.remainder
    case .floorDiv: return { a, b in Int64.over(a, b) - ((a < 0) != (b < 0) && Int64.remainder(a, b) != 0 ? 1 : 0) }
    // Beyond the width all bits are shifted out; a negative number shifts the other way.
    case .shiftLeft: return { $0 << $1 }
    case .shiftRight: return { $0 >> $1 }
    case .pow: return Int64.power
    case .maximum: return { Swift.max($0, $1) }
    case .minimum: return { Swift.min($0, $1) }
    case .reluGradient, .sigmoidGradient, .tanhGradient, .siluGradient, .geluGradient, .geluTanhGradient, .mishGradient, .atan2:
      throw ReferenceBackend.refusal(op.rawValue, dtype, expected: "a float type")
    }
  }
}
