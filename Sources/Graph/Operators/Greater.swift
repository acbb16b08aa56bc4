import Support
import Tensor

/// a > b, as bool.
struct GreaterOperator: BinaryOperator {
  static let name = "Greater"
  func result(_ dtype: DType) -> DType { .bool }
  func apply(_ a: Int, _ b: Int) -> Int? { a > b ? 1 : 0 }
  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor { try a.gt(b) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GreaterOperator.self) }
