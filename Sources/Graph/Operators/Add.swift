import Tensor

/// a + b.
struct AddOperator: BinaryOperator {
  static let name = "Add"
  var precision: PrecisionPolicy { .follows }
  var role: ChannelRole { .follows }
  func apply(_ a: Int, _ b: Int) -> Int? { a.addingReportingOverflow(b).overflow ? nil : a + b }
  func apply(_ node: Node, _ a: Tensor, _ b: Tensor) throws -> Tensor { try a + b }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(AddOperator.self) }
