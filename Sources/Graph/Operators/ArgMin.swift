import Support
import Tensor

/// The first (or last) position of the smallest element along an axis, i64.
struct ArgMinOperator: ArgOperator {
  static let name = "ArgMin"
  func position(_ x: Tensor, axis: Int) throws -> Tensor { try x.argmin(axis: axis, keepDims: true) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ArgMinOperator.self) }
