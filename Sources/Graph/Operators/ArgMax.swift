import Support
import Tensor

/// The first (or last) position of the largest element along an axis, i64.
struct ArgMaxOperator: ArgOperator {
  static let name = "ArgMax"
  func position(_ x: Tensor, axis: Int) throws -> Tensor { try x.argmax(axis: axis, keepDims: true) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ArgMaxOperator.self) }
