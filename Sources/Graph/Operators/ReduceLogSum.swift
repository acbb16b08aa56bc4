import Support
import Tensor

/// The logarithm of the sum along axes.
struct ReduceLogSumOperator: ReduceOperator {
  static let name = "ReduceLogSum"
  func reduce(_ x: Tensor, _ axes: [Int], keeps: Bool) throws -> Tensor { try x.sum(axes: axes, keepDims: keeps).log() }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReduceLogSumOperator.self) }
