import Support
import Tensor

/// The mean of each window; padding counts only with count_include_pad.
struct AveragePoolOperator: PoolOperator {
  static let name = "AveragePool"

  func pool(_ node: Node, _ x: Tensor, _ window: Window, padding: [Int]) throws -> Tensor {
    guard window.dilations.allSatisfy({ $0 == 1 }) else {
      throw node.failure(.unsupported, "dilations \(window.dilations)", argument: "dilations")
    }
    return try x.averagePool(
      kernel: window.kernel, strides: window.strides, padding: padding, ceil: window.isCeil,
      countIncludePad: node.flag("count_include_pad"))
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(AveragePoolOperator.self) }
