import Support
import Tensor

/// The product along axes.
struct ReduceProdOperator: ReduceOperator {
  static let name = "ReduceProd"
  func reduce(_ x: Tensor, _ axes: [Int], keeps: Bool) throws -> Tensor { try x.prod(axes: axes, keepDims: keeps).converted(to: x.dtype) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ReduceProdOperator.self) }
