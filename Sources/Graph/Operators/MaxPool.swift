import Support
import Tensor

/// The largest element of each window.
struct MaxPoolOperator: PoolOperator {
  static let name = "MaxPool"
  var precision: PrecisionPolicy { .follows }

  func pool(_ node: Node, _ x: Tensor, _ window: Window, padding: [Int]) throws -> Tensor {
    try x.maxPool(
      kernel: window.kernel, strides: window.strides, padding: padding, dilations: window.dilations,
      ceil: window.isCeil)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(MaxPoolOperator.self) }
