import Support
import Tensor

/// The largest element along axes.
struct ReduceMaxOperator: ReduceOperator {
  static let name = "ReduceMax"
  func reduce(_ x: Tensor, _ axes: [Int], keeps: Bool) throws -> Tensor { try x.max(axes: axes, keepDims: keeps) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReduceMaxOperator.self) }
