import Support
import Tensor

/// The mean of each window; padding counts only with count_include_pad.
struct AveragePoolOperator: PoolOperator {
  static let name = "AveragePool"

  func pool(_ node: Node, _ x: Tensor, _ window: Window, padding: [Int]) throws -> [Tensor] {
    [try x.averagePool(
      kernel: window.kernel, strides: window.strides, padding: padding, dilations: window.dilations, ceil: window.isCeil,
      countIncludePad: node.flag("count_include_pad"))]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(AveragePoolOperator.self) }
