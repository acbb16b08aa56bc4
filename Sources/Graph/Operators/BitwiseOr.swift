import Support
import Tensor

/// Either, bit by bit, of integers.
struct BitwiseOrOperator: BinaryOperator {
  static let name = "BitwiseOr"
  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor { try a.or(b) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(BitwiseOrOperator.self) }
