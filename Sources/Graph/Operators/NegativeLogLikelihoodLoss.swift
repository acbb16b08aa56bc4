import Support
import Tensor

/// The negative logarithm of the probability of each label, from logarithms `[N, K, d..]` and labels `[N, d..]`.
struct NegativeLogLikelihoodLossOperator: LabelLoss {
  static let name = "NegativeLogLikelihoodLoss"

  func losses(_ node: Node, _ x: Tensor, _ inputs: [Tensor?]) throws -> [Tensor] {
    [try nll(node, x, inputs)]
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(NegativeLogLikelihoodLossOperator.self) }
