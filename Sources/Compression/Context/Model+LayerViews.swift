import Graph
import OrderedCollections
import Support
import Tensor

extension Model {
  /// Returns views of layers that have a weight.
  ///
  /// - Parameters:
  ///   - names: layers, in any order; nil for all convolutions and linear layers whose weight is a parameter.
  ///   - declared: what may be read of them.
  /// - Throws: `not_found` with the nearest name; `unsupported` for a layer without a weight.
  public func layerViews(_ names: [String]? = nil, declared: Statistics = []) throws -> [LayerView] {
    let owners = try groupNames()
    if let names {
      let wanted = Set(names)
      for name in wanted.sorted() {
        let node = try node(named: name)
        guard try weightLayout(of: node) != nil else {
          throw PareError(
            .unsupported, "\(node.op) '\(name)' has no weight that a method could work on",
            expected: "a Conv, ConvTranspose (of one group), Gemm or MatMul whose second input is a parameter", layer: name, op: node.op)
        }
      }
      return try nodes.filter { wanted.contains($0.name) }.compactMap { try view(of: $0, declared, owners) }
    }
    return try nodes.compactMap { try view(of: $0, declared, owners) }
  }

  private func groupNames() throws -> [String: String] {
    // Without input sizes there are no groups yet, and nothing else here needs them.
    guard let groups = try? groups() else { return [:] }
    var names: [String: String] = [:]
    for group in groups { for layer in group.layers where names[layer] == nil { names[layer] = group.name } }
    return names
  }

  /// How a node holds its weight: nil for nodes that have none.
  func weightLayout(of node: Node) throws -> (weight: String, isTransposed: Bool)? {
    guard let weight = node.input(1), let parameter = parameters[weight], parameter.isTrainable else { return nil }
    switch node.op {
    case "Conv": return parameter.shape.rank >= 3 ? (weight, false) : nil
    // [in, out, ...kernel]; several groups would be interleaved.
    case "ConvTranspose":
      guard parameter.shape.rank >= 3, try node.int("group", default: 1) == 1 else { return nil }
      return (weight, true)
    case "Gemm": return parameter.shape.rank == 2 ? (weight, try node.int("transB", default: 0) == 0) : nil
    case "MatMul": return parameter.shape.rank == 2 ? (weight, true) : nil
    default: return nil
    }
  }

  private func view(of node: Node, _ declared: Statistics, _ owners: [String: String]) throws -> LayerView? {
    guard let layout = try weightLayout(of: node), let parameter = parameters[layout.weight] else { return nil }
    let dense = try parameter.value.dense()
    let weight = layout.isTransposed ? try dense.transposed(0, 1).contiguous() : dense
    let follower = followers(of: node)
    let biasName = node.input(2) ?? follower.bias
    return LayerView(
      name: node.name, op: node.op, node: node, weightName: layout.weight,
      biasName: biasName.flatMap { parameters[$0] == nil ? nil : $0 }, weight: weight,
      bias: try biasName.flatMap { try parameters[$0]?.value.dense() }, batchNorm: try follower.norm.flatMap(batchNorm),
      groups: node.op == "Conv" ? try node.int("group", default: 1) : 1, granularity: "weight", units: weight.count,
      group: owners[node.name], isTransposed: layout.isTransposed, declared: declared)
  }

  private func batchNorm(_ node: Node) throws -> BatchNormView? {
    let values = try (1...4).compactMap { index in
      try node.input(index).flatMap { try parameters[$0]?.value.dense() }
    }
    guard values.count == 4 else { return nil }
    return BatchNormView(name: node.name, scale: values[0], shift: values[1], mean: values[2], variance: values[3])
  }

  private static let activations: Set<String> = [
    "Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Gelu", "PRelu", "Elu", "Selu", "Softplus",
  ]

  /// What directly follows a layer and works on its channels one by one: an added bias, a batch-norm, an activation.
  func followers(of node: Node) -> (output: String, bias: String?, norm: Node?) {
    guard var value = node.outputs.first else { return ("", nil, nil) }
    var bias: String?, norm: Node?
    let readers = self.consumers, results = Set(outputs.map(\.name))
    while !results.contains(value), let positions = readers[value], positions.count == 1 {
      let next = nodes[positions[0]]
      guard let output = next.outputs.first else { break }
      if next.op == "Add", node.op == "MatMul", bias == nil, norm == nil,
        let other = next.inputs.first(where: { $0 != value }), parameters[other]?.shape.rank == 1
      {
        bias = other
      } else if next.op == "BatchNormalization", next.inputs.first == value, norm == nil {
        norm = next
      } else if Self.activations.contains(next.op), next.inputs.first == value {
        return (output, bias, norm)
      } else {
        break
      }
      value = output
    }
    return (value, bias, norm)
  }
}
