import Tensor

/// a / b; integers are divided towards zero.
struct DivOperator: BinaryOperator {
  static let name = "Div"
  func apply(_ a: Int, _ b: Int) -> Int? { a.dividedReportingOverflow(by: b).overflow ? nil : a / b }
  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor { try a / b }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(DivOperator.self) }
