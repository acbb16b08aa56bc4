import Support
import Tensor

/// a >= b, as bool.
struct GreaterOrEqualOperator: BinaryOperator {
  static let name = "GreaterOrEqual"
  func result(_ dtype: DType) -> DType { .bool }
  func apply(_ a: Int, _ b: Int) -> Int? { a >= b ? 1 : 0 }
  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor { try a.ge(b) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GreaterOrEqualOperator.self) }
