import Support
import Tensor

/// Gated recurrent unit (Cho 2014), gates in the order z, r, h; outputs all hidden states and the last.
struct GRUOperator: RecurrentOperator {
  static let name = "GRU"
  static let gates = 3
  var arity: ClosedRange<Int> { 3...6 }

  func run(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ recurrence: Recurrence) throws -> [Tensor] {
    let (y, h) = try x.gru(
      w: inputs.required(1, node), r: inputs.required(2, node), b: inputs.optional(3), lengths: inputs.optional(4),
      initialH: inputs.optional(5), recurrence)
    return [y, h]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GRUOperator.self) }
