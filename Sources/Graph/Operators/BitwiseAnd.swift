import Support
import Tensor

/// Both, bit by bit, of integers.
struct BitwiseAndOperator: BinaryOperator {
  static let name = "BitwiseAnd"
  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor { try a.and(b) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(BitwiseAndOperator.self) }
