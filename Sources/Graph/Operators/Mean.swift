import Support
import Tensor

/// The mean of several, element by element.
struct MeanOperator: VariadicOperator {
  static let name = "Mean"
  func apply(_ a: Tensor, _ b: Tensor) throws -> Tensor { try a + b }
  func finished(_ result: Tensor, count: Int) throws -> Tensor { try result / Double(count) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(MeanOperator.self) }
