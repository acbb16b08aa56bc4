import Support
import Tensor

/// LSTM, GRU and RNN: `[T, N, I]` with weights `[D, gates H, I]` and `[D, gates H, H]`.
protocol RecurrentOperator: Operator {
  static var gates: Int { get }
  /// Outputs: all steps, last states.
  func run(_ node: Node, _ x: Tensor, _ inputs: [Tensor?], _ recurrence: Recurrence) throws -> [Tensor]
}

extension RecurrentOperator {
  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), r = try inputs.required(2, node)
    let recurrence = try recurrence(node), directions = recurrence.direction == .bidirectional ? 2 : 1
    guard let shape = x.shape, let weight = r.fixedShape else { return node.outputs.map { _ in ValueType(x.dtype, nil) } }
    guard shape.count == 3, weight.count == 3, weight[0] == directions, weight[1] == Self.gates * weight[2],
          try node.int("hidden_size") ?? weight[2] == weight[2]
    else {
      throw node.failure(.shape, "input \(shape) and recurrent weight \(weight)",
                         expected: "[T, N, I] and [\(directions), \(Self.gates) H, H], H as hidden_size says")
    }
    if let w = try inputs.required(1, node).fixedShape, let features = shape[2].value, w != [directions, weight[1], features] {
      throw node.failure(.shape, "weight", expected: "[\(directions), \(weight[1]), \(features)]", got: "\(w)")
    }
    let (d, h) = (Dimension.fixed(directions), Dimension.fixed(weight[2]))
    let batch = shape[recurrence.batchFirst ? 0 : 1]
    let all = recurrence.batchFirst ? [shape[0], shape[1], d, h] : [shape[0], d, shape[1], h]
    let last = recurrence.batchFirst ? [batch, d, h] : [d, batch, h]
    return [ValueType(x.dtype, all), ValueType(x.dtype, last), ValueType(x.dtype, last)]
  }

  func recurrence(_ node: Node) throws -> Recurrence {
    let text = try node.string("direction", default: "forward")
    guard let direction = Recurrence.Direction(rawValue: text) else {
      throw node.failure(.argument, "attribute 'direction'", argument: "direction", expected: "forward, reverse or bidirectional", got: text)
    }
    var activations: [Recurrence.Activation] = []
    if case .strings(let names)? = node.attributes["activations"] {
      activations = try Recurrence.Activation.list(
        names, alphas: floats("activation_alpha", node), betas: floats("activation_beta", node))
    }
    return Recurrence(
      direction, activations: activations, clip: try node.float("clip"), batchFirst: try node.flag("layout"),
      inputForget: try node.flag("input_forget"), linearBeforeReset: try node.flag("linear_before_reset"))
  }

  private func floats(_ name: String, _ node: Node) throws -> [Double] {
    switch node.attributes[name] {
    case nil: return []
    case .floats(let values)?: return values
    case let other?: throw node.failure(.format, "attribute '\(name)'", argument: name, expected: "floats", got: other.kind)
    }
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    try run(node, inputs.required(0, node), inputs, recurrence(node))
  }

  func macs(_ node: Node, _ inputs: [ValueType?], _ outputs: [ValueType], weights: [Int?]) throws -> Int {
    guard let shape = inputs.optional(0)?.fixedShape, let w = inputs.optional(1)?.fixedShape, let r = inputs.optional(2)?.fixedShape
    else { return 0 }
    let stored = try (weights[1] ?? checkedProduct(w, node)) + (weights[2] ?? checkedProduct(r, node))
    return try checkedProduct([shape[0], shape[1], stored], node)
  }

  /// Input features may go; the hidden units feed back into themselves and stay.
  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    let batchFirst = try node.flag("layout")
    flow.tie(.input(0), axis: batchFirst ? 0 : 1, .output(0), axis: batchFirst ? 0 : 2)
    flow.tie(.input(0), axis: batchFirst ? 1 : 0, .output(0), axis: batchFirst ? 1 : 0)
    for output in 1..<max(1, flow.outputCount) {
      flow.tie(.output(output), axis: batchFirst ? 0 : 1, .output(0), axis: batchFirst ? 0 : 2)
    }
    flow.tie(.input(0), axis: 2, .input(1), axis: 2)
    flow.role(.consumes, input: 1, axis: 2)
  }
}
