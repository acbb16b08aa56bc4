import Support
import Tensor

/// The sum of several, element by element.
struct SumOperator: VariadicOperator {
  static let name = "Sum"
  func apply(_ a: Tensor, _ b: Tensor) throws -> Tensor { try a + b }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SumOperator.self) }
