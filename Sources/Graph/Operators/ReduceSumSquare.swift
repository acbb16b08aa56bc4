import Support
import Tensor

/// The sum of squares along axes.
struct ReduceSumSquareOperator: ReduceOperator {
  static let name = "ReduceSumSquare"
  func reduce(_ x: Tensor, _ axes: [Int], keeps: Bool) throws -> Tensor { try x.square().sum(axes: axes, keepDims: keeps).converted(to: x.dtype) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReduceSumSquareOperator.self) }
