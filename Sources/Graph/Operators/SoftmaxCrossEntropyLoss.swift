import Support
import Tensor

/// The cross-entropy of scores `[N, K, d..]` and labels `[N, d..]`; as a second output the logarithms of the probabilities.
struct SoftmaxCrossEntropyLossOperator: LabelLoss {
  static let name = "SoftmaxCrossEntropyLoss"

  func losses(_ node: Node, _ x: Tensor, _ inputs: [Tensor?]) throws -> [Tensor] {
    let logs = try x.logSoftmax(axis: 1)
    return [try nll(node, logs, inputs), logs]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(SoftmaxCrossEntropyLossOperator.self) }
