import Tensor

/// The logarithm of softmax along an axis (default: the last; before opset 13 all axes from `axis`, default 1, on).
struct LogSoftmaxOperator: SoftmaxLike {
  static let name = "LogSoftmax"
  func apply(_ x: Tensor, axis: Int) throws -> Tensor { try x.logSoftmax(axis: axis) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(LogSoftmaxOperator.self) }
