import Support
import Tensor

/// The smallest element along axes.
struct ReduceMinOperator: ReduceOperator {
  static let name = "ReduceMin"

  func reduce(_ x: Tensor, _ axes: [Int], keeps: Bool) throws -> Tensor {
    if x.dtype == .bool { return try x.all(axes: axes, keepDims: keeps) }
    if x.count == 0, let bound = x.dtype.least { return try x.reducedFromNothing(axes, keeps: keeps, -bound) }
    return try x.min(axes: axes, keepDims: keeps)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReduceMinOperator.self) }
