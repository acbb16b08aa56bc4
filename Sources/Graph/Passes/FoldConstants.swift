import Support
import Tensor

extension Model {
  /// Returns the model with every node that depends on constants alone replaced by its result: `Constant` nodes, shapes
  /// that are known, and what is computed from them. Trainable parameters and quantization stay.
  public func foldingConstants() throws -> Model {
    var model = self
    let types = try shapes()
    var context = ExecutionContext(opset: opset)
    var kept: [Node] = []
    for node in nodes {
      let isOutput = node.outputs.contains { name in outputs.contains { $0.name == name } }
      let isFixed = node.inputs.allSatisfy { $0.isEmpty || model.parameters[$0]?.isTrainable == false }
      if !isOutput, isFixed, !["QuantizeLinear", "DequantizeLinear"].contains(node.op) {
        let inputs = try node.inputs.map { try model.parameters[$0]?.value.dense() }
        let results = try OperatorRegistry.find(for: node, opset: opset).forward(node, inputs, &context)
        for (name, result) in zip(node.outputs, results) where !name.isEmpty {
          model.parameters[name] = Parameter(name, result, isTrainable: false)
        }
      } else if !isOutput, node.outputs.count == 1, let type = types[node.outputs[0]], let values = type.contents?.compactMap(\.value),
                values.count == type.contents?.count, let shape = type.fixedShape {
        let result = try Tensor(values.map(Int64.init), shape: Shape(shape)).converted(to: type.dtype)
        model.parameters[node.outputs[0]] = Parameter(node.outputs[0], result, isTrainable: false)
      } else {
        kept.append(node)
      }
    }
    model.nodes = kept
    return try model.eliminatingDead()
  }

  /// Returns the model with what its shape subgraphs compute in their place: integers and truth values that follow from
  /// constants and known sizes become constants. Names of values stay.
  package func foldingShapes() throws -> Model {
    let values = try analysis().values
    var model = self
    let ends = Set(outputs.map(\.name))
    var folded: Set<String> = []
    model.nodes = nodes.filter { node in
      let mine = node.outputs.filter { !$0.isEmpty }
      let isKnown = node.op != "Constant" && mine.allSatisfy { name in
        values[name].map { !$0.dtype.isFloating } ?? false && !ends.contains(name)
      }
      if isKnown { folded.formUnion(mine) }
      return !isKnown
    }
    guard !folded.isEmpty else { return self }
    // In the order of the nodes, only what the others read.
    let read = Set(model.nodes.flatMap(\.inputs))
    for name in nodes.flatMap(\.outputs) where folded.contains(name) && read.contains(name) {
      if let value = values[name] { model.parameters[name] = Parameter(name, value, isTrainable: false) }
    }
    return try model.eliminatingDead()
  }

  /// Returns the model without nodes whose results nobody reads, and without parameters that nobody reads.
  public func eliminatingDead() throws -> Model {
    var model = self
    var read = Set(outputs.map(\.name))
    var kept: [Node] = []
    for node in nodes.reversed() where node.outputs.contains(where: read.contains) {
      kept.append(node)
      read.formUnion(node.inputs)
    }
    model.nodes = kept.reversed()
    model.parameters = parameters.filter { read.contains($0.key) }
    try model.verified()
    return model
  }

  /// Returns the model without nodes that only hand a value on: `Identity`, and `Dropout`, which rests outside training.
  ///
  /// Such a node stays where it makes an output of the model from an input or a parameter.
  public func eliminatingIdentities() throws -> Model {
    var model = self
    var renamed: [String: String] = [:]
    var kept: [Node] = []
    for var node in nodes {
      node.inputs = node.inputs.map { renamed[$0] ?? $0 }
      let passes = (node.op == "Identity" || node.op == "Dropout") && node.outputs.dropFirst().allSatisfy { name in
        name.isEmpty || !nodes.contains { $0.inputs.contains(name) }
      }
      if passes, !outputs.contains(where: { $0.name == node.outputs[0] }) {
        renamed[node.outputs[0]] = node.inputs[0]
      } else {
        kept.append(node)
      }
    }
    model.nodes = kept
    return try model.eliminatingDead()
  }
}
