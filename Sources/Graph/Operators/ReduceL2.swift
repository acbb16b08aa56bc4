import Support
import Tensor

/// The Euclidean length along axes.
struct ReduceL2Operator: ReduceOperator {
  static let name = "ReduceL2"
  func reduce(_ x: Tensor, _ axes: [Int], keeps: Bool) throws -> Tensor { try x.norm(2, axes: axes, keepDims: keeps) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReduceL2Operator.self) }
