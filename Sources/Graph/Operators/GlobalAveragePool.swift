import Support
import Tensor

/// The mean over all spatial positions: `[N, C, ..]` to `[N, C, 1, ..]`.
struct GlobalAveragePoolOperator: GlobalPoolOperator {
  static let name = "GlobalAveragePool"
  func pool(_ node: Node, _ x: Tensor) throws -> Tensor { try x.globalAveragePool() }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GlobalAveragePoolOperator.self) }
