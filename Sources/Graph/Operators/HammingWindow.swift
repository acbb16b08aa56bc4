import Support
import Tensor

/// The Hamming window.
struct HammingWindowOperator: WindowOperator {
  static let name = "HammingWindow"
  var function: WindowFunction { .hamming }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(HammingWindowOperator.self) }
