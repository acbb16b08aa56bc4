import Tensor

/// exp(x) over its sum along an axis (default: the last; before opset 13 all axes from `axis`, default 1, on).
struct SoftmaxOperator: SoftmaxLike {
  static let name = "Softmax"
  func apply(_ x: Tensor, axis: Int) throws -> Tensor { try x.softmax(axis: axis) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SoftmaxOperator.self) }
