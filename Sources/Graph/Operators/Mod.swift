import Support
import Tensor

/// The remainder: with the sign of the divisor, or with fmod=1 that of the dividend.
struct ModOperator: BinaryOperator {
  static let name = "Mod"

  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor {
    let truncates = try node.flag("fmod")
    guard a.dtype.isFloating else {
      let r = try a.mod(b)
      guard truncates else { return r }
      // From the divisor's sign to the dividend's.
      return try Tensor.where(r.ne(0).and(a.lt(0).xor(r.lt(0))), r - b, r)
    }
    let r = try a.mod(b)
    return try truncates ? r : Tensor.where(r.ne(0).and(r.lt(0).xor(b.lt(0))), r + b, r)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ModOperator.self) }
