import Support
import Tensor

/// a < b, as bool.
struct LessOperator: BinaryOperator {
  static let name = "Less"
  func result(_ dtype: DType) -> DType { .bool }
  func apply(_ a: Int, _ b: Int) -> Int? { a < b ? 1 : 0 }
  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor { try a.lt(b) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(LessOperator.self) }
