import Support
import Tensor

/// The Blackman window.
struct BlackmanWindowOperator: WindowOperator {
  static let name = "BlackmanWindow"
  var function: WindowFunction { .blackman }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(BlackmanWindowOperator.self) }
