import Support
import Tensor

/// Either, of bools.
struct OrOperator: BinaryOperator {
  static let name = "Or"
  func apply(_ a: Int, _ b: Int) -> Int? { a != 0 || b != 0 ? 1 : 0 }
  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor { try a.or(b) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(OrOperator.self) }
