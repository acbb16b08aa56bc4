import Support
import Tensor

/// A loss of labels: attributes `reduction` (none, sum, mean) and `ignore_index`, optional weights of the classes.
protocol LabelLoss: Operator {
  func losses(_ node: Node, _ x: Tensor, _ inputs: [Tensor?]) throws -> [Tensor]
}

extension LabelLoss {
  var arity: ClosedRange<Int> { 2...3 }

  private func reduction(_ node: Node) throws -> Tensor.LossReduction {
    let text = try node.string("reduction", default: "mean")
    guard let reduction = Tensor.LossReduction(rawValue: text) else {
      throw node.failure(.argument, "attribute 'reduction'", argument: "reduction", expected: "none, sum or mean", got: text)
    }
    return reduction
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), labels = try inputs.required(1, node)
    if let shape = x.shape, let given = labels.shape, given.count != shape.count - 1 {
      throw node.failure(.shape, "scores \(shape) and labels \(given)", expected: "[N, K, d..] and [N, d..]")
    }
    return [ValueType(x.dtype, try reduction(node) == .none ? labels.shape : []), ValueType(x.dtype, x.shape)]
  }

  /// The loss of logarithms of probabilities.
  func nll(_ node: Node, _ logs: Tensor, _ inputs: [Tensor?]) throws -> Tensor {
    try logs.nllLoss(
      labels: inputs.required(1, node).converted(to: .i64), weight: inputs.optional(2),
      ignoreIndex: node.int("ignore_index") ?? Int.min, reduction: reduction(node))
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    try losses(node, inputs.required(0, node), inputs)
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.blockAll("\(node.op) '\(node.name)' compares classes with labels")
  }
}
