import Support
import Tensor

/// The sum along axes.
struct ReduceSumOperator: ReduceOperator {
  static let name = "ReduceSum"
  func reduce(_ x: Tensor, _ axes: [Int], keeps: Bool) throws -> Tensor { try x.sum(axes: axes, keepDims: keeps).converted(to: x.dtype) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReduceSumOperator.self) }
