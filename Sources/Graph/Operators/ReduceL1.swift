import Support
import Tensor

/// The sum of magnitudes along axes.
struct ReduceL1Operator: ReduceOperator {
  static let name = "ReduceL1"
  func reduce(_ x: Tensor, _ axes: [Int], keeps: Bool) throws -> Tensor { try x.abs().sum(axes: axes, keepDims: keeps).converted(to: x.dtype) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReduceL1Operator.self) }
