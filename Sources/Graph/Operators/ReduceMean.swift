import Support
import Tensor

/// The mean along axes.
struct ReduceMeanOperator: ReduceOperator {
  static let name = "ReduceMean"
  func reduce(_ x: Tensor, _ axes: [Int], keeps: Bool) throws -> Tensor { try x.mean(axes: axes, keepDims: keeps) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReduceMeanOperator.self) }
