import Support
import Tensor

/// A simple recurrent layer; outputs all hidden states and the last.
struct RNNOperator: RecurrentOperator {
  static let name = "RNN"
  static let gates = 1
  var arity: ClosedRange<Int> { 3...6 }

  func run(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ recurrence: Recurrence) throws -> [Tensor] {
    let (y, h) = try x.rnn(
      w: inputs.required(1, node), r: inputs.required(2, node), b: inputs.optional(3), lengths: inputs.optional(4),
      initialH: inputs.optional(5), recurrence)
    return [y, h]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(RNNOperator.self) }
