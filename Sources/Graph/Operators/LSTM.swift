import Support
import Tensor

/// Long short-term memory (Hochreiter 1997), gates in the order i, o, f, c; outputs all hidden states, the last, the last cell.
struct LSTMOperator: RecurrentOperator {
  static let name = "LSTM"
  static let gates = 4
  var arity: ClosedRange<Int> { 3...8 }

  func run(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ recurrence: Recurrence) throws -> [Tensor] {
    let (y, h, c) = try x.lstm(
      w: inputs.required(1, node), r: inputs.required(2, node), b: inputs.optional(3), lengths: inputs.optional(4),
      initialH: inputs.optional(5), initialC: inputs.optional(6), p: inputs.optional(7), recurrence)
    return [y, h, c]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(LSTMOperator.self) }
