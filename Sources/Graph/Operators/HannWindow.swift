import Support
import Tensor

/// The Hann window.
struct HannWindowOperator: WindowOperator {
  static let name = "HannWindow"
  var function: WindowFunction { .hann }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(HannWindowOperator.self) }
