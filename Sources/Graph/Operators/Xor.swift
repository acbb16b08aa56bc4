import Support
import Tensor

/// Exactly one, of bools.
struct XorOperator: BinaryOperator {
  static let name = "Xor"
  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor { try a.xor(b) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(XorOperator.self) }
