import Support
import Tensor

/// The p-norm over all spatial positions: `[N, C, ..]` to `[N, C, 1, ..]`; p is 2.
struct GlobalLpPoolOperator: GlobalPoolOperator {
  static let name = "GlobalLpPool"
  func pool(_ node: Node, _ x: Tensor) throws -> Tensor { try x.globalLpPool(p: Double(node.int("p", default: 2))) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GlobalLpPoolOperator.self) }
