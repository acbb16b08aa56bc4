import Support
import Tensor

/// The smallest of several, element by element.
struct MinOperator: VariadicOperator {
  static let name = "Min"
  func apply(_ a: Tensor, _ b: Tensor) throws -> Tensor { try a.minimum(b) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(MinOperator.self) }
