import Support
import Tensor

/// The largest element along axes.
struct ReduceMaxOperator: ReduceOperator {
  static let name = "ReduceMax"

  func reduce(_ x: Tensor, _ axes: [Int], keeps: Bool) throws -> Tensor {
    if x.dtype == .bool { return try x.any(axes: axes, keepDims: keeps) }
    if x.count == 0, let bound = x.dtype.least { return try x.reducedFromNothing(axes, keeps: keeps, bound) }
    return try x.max(axes: axes, keepDims: keeps)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReduceMaxOperator.self) }
