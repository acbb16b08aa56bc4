import Support
import Tensor

/// The largest element over all spatial positions: `[N, C, ..]` to `[N, C, 1, ..]`.
struct GlobalMaxPoolOperator: GlobalPoolOperator {
  static let name = "GlobalMaxPool"
  func pool(_ node: Node, _ x: Tensor) throws -> Tensor { try x.globalMaxPool() }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GlobalMaxPoolOperator.self) }
