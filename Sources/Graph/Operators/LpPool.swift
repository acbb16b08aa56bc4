import Support
import Tensor

/// The p-norm of each window; p is 2.
struct LpPoolOperator: PoolOperator {
  static let name = "LpPool"

  func pool(_ node: Node, _ x: Tensor, _ window: Window, padding: [Int]) throws -> [Tensor] {
    [try x.lpPool(
      p: Double(node.int("p", default: 2)), kernel: window.kernel, strides: window.strides, padding: padding,
      dilations: window.dilations, ceil: window.isCeil)]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(LpPoolOperator.self) }
