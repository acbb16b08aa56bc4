import Graph
import Support
import Tensor

/// What is known of a model once its input shapes are fixed.
enum Specialization {
  /// The model with computed shapes worked out, as far as the sizes of its values depend on them.
  static func specialized(_ model: Model) throws -> Model {
    var model = model
    while true {
      let types = try model.shapes()
      let isOpen = model.nodes.contains { node in node.outputs.contains { !$0.isEmpty && types[$0]?.fixedShape == nil } }
      guard isOpen else { return model }
      let known = try constants(of: model, types)
      let outputs = Set(model.outputs.map(\.name))
      let before = model.nodes.count
      model.nodes.removeAll { node in
        node.outputs.allSatisfy { $0.isEmpty || (known[$0] != nil && !outputs.contains($0)) }
      }
      guard model.nodes.count < before else { return model }
      let used = Set(model.nodes.flatMap(\.inputs))
      for (name, tensor) in known where used.contains(name) && model.parameters[name] == nil {
        model.parameters[name] = Parameter(name, tensor, isTrainable: false)
      }
    }
  }

  /// Values that depend on parameters and shapes alone.
  static func constants(of model: Model, _ types: [String: ValueType]) throws -> [String: Tensor] {
    var constants: [String: Tensor] = [:]
    var dense: [String: Tensor] = [:]
    var context = ExecutionContext(opset: model.opset)
    for node in model.nodes {
      try Interrupt.check()
      // Sizes that inference has worked out stand for the computation.
      if node.outputs.count == 1, let type = types[node.outputs[0]], let contents = type.contents, let shape = type.fixedShape {
        let known = contents.compactMap(\.value)
        if known.count == contents.count, known.count == shape.reduce(1, *) {
          constants[node.outputs[0]] = try Tensor(known.map(Int64.init), shape: Shape(shape)).converted(to: type.dtype)
          continue
        }
      }
      guard node.inputs.allSatisfy({ $0.isEmpty || constants[$0] != nil || model.parameters[$0] != nil }) else { continue }
      let op = try OperatorRegistry.find(for: node, opset: model.opset)
      let arguments = try node.inputs.map { name -> Tensor? in
        if name.isEmpty { return nil }
        if let known = constants[name] ?? dense[name] { return known }
        let tensor = try model.parameters[name]?.value.dense()
        dense[name] = tensor
        return tensor
      }
      for (name, result) in zip(node.outputs, try op.forward(node, arguments, &context)) where !name.isEmpty {
        constants[name] = result.detached()
      }
    }
    return constants
  }
}
