import Support
import Tensor

/// Both, of bools.
struct AndOperator: BinaryOperator {
  static let name = "And"
  func apply(_ a: Int, _ b: Int) -> Int? { a != 0 && b != 0 ? 1 : 0 }
  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor { try a.and(b) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(AndOperator.self) }
