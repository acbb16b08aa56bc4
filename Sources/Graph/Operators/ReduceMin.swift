import Support
import Tensor

/// The smallest element along axes.
struct ReduceMinOperator: ReduceOperator {
  static let name = "ReduceMin"
  func reduce(_ x: Tensor, _ axes: [Int], keeps: Bool) throws -> Tensor { try x.min(axes: axes, keepDims: keeps) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReduceMinOperator.self) }
