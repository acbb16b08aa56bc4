import Support
import Tensor

/// One of the two, bit by bit, of integers.
struct BitwiseXorOperator: BinaryOperator {
  static let name = "BitwiseXor"
  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor { try a.xor(b) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(BitwiseXorOperator.self) }
