import Tensor

/// a times b.
struct MulOperator: BinaryOperator {
  static let name = "Mul"
  var precision: PrecisionPolicy { .follows }
  func apply(_ size: Dimension, _ count: Int) -> Dimension? { count > 1 ? .times(count, size) : nil }
  func apply(_ a: Int, _ b: Int) -> Int? { a.multipliedReportingOverflow(by: b).overflow ? nil : a * b }
  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor { try a * b }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(MulOperator.self) }
