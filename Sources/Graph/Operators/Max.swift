import Support
import Tensor

/// The largest of several, element by element.
struct MaxOperator: VariadicOperator {
  static let name = "Max"
  func apply(_ a: Tensor, _ b: Tensor) throws -> Tensor { try a.maximum(b) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(MaxOperator.self) }
