import Support
import Tensor

/// Edits of the graph: each returns a new, verified model.
extension Model {
  /// Returns the model with a module in the place of a layer. One layer takes the old one's name; several are called
  /// `layer.0`, `layer.1`, ..., each with the old one as its origin.
  ///
  /// - Throws: `not_found` with the nearest name; `unsupported` if the layer has several data inputs or outputs.
  public func replacing(layer: String, with module: Module) throws -> Model {
    let position = try position(of: layer), node = nodes[position]
    let data = node.inputs.filter { !$0.isEmpty && parameters[$0] == nil }
    guard let input = data.first, data.count == 1, node.outputs.count == 1, let output = node.outputs.first else {
      throw node.failure(.unsupported, "only a layer of one input and one output can be replaced")
    }
    var model = self
    model.nodes.remove(at: position)
    model.dropUnreadParameters(of: node)

    var members = module.flattened
    let single = members.count == 1
    for index in members.indices where members[index].name == nil {
      members[index].name = single ? layer : "\(layer).\(index)"
    }
    let builder = GraphBuilder(seed: 0, opset: opset, taken: model.usedNames.subtracting([output]))
    if !single || node.origin != nil { builder.origin = node.origin ?? layer }
    let end = try members.reduce(builder.input(input)) { try builder.add($1, to: [$0]) }
    var added = builder.nodes
    for index in added.indices {
      added[index].inputs = added[index].inputs.map { $0 == end.name ? output : $0 }
      added[index].outputs = added[index].outputs.map { $0 == end.name ? output : $0 }
    }
    model.nodes.insert(contentsOf: added, at: position)
    model.parameters.merge(builder.parameters) { _, new in new }
    model.opset = builder.opset
    model = try model.linearOnRows()
    try model.verified()
    return model
  }

  /// Returns the part of the model from one layer to another, both included. A value from outside becomes an input.
  ///
  /// - Parameters:
  ///   - from: nil starts at the model's inputs.
  ///   - to: nil ends at the model's outputs.
  /// - Throws: `not_found` with the nearest name; `argument` when no path leads from one to the other.
  public func cut(from: String? = nil, to: String? = nil) throws -> Model {
    let first = try from.map(position(of:)), last = try to.map(position(of:))
    let producers = producers
    var after = Set<Int>(), before = Set<Int>()
    if let first {
      var reached = Set(nodes[first].outputs)
      after.insert(first)
      for (index, node) in nodes.enumerated() where node.inputs.contains(where: reached.contains) {
        after.insert(index)
        reached.formUnion(node.outputs)
      }
    } else {
      after = Set(nodes.indices)
    }
    var pending = last.map { [$0] } ?? outputs.compactMap { producers[$0.name] }
    while let index = pending.popLast() {
      guard before.insert(index).inserted else { continue }
      pending += nodes[index].inputs.compactMap { producers[$0] }
    }
    let kept = after.intersection(before)
    guard !kept.isEmpty, first.map(kept.contains) ?? true, last.map(kept.contains) ?? true else {
      throw PareError(.argument, "no path leads from '\(from ?? "the input")' to '\(to ?? "the output")'",
                      argument: from == nil ? "to" : "from")
    }
    let types = hasInputShape ? try shapes() : [:]
    var model = self
    model.nodes = kept.sorted().map { nodes[$0] }
    let made = Set(model.nodes.flatMap(\.outputs))
    let outside = model.nodes.flatMap(\.inputs).filter { !$0.isEmpty && !made.contains($0) && parameters[$0] == nil }
    model.inputs = outside.uniqued().map { name in
      inputs.first { $0.name == name } ?? Port(name, types[name] ?? ValueType(.f32, nil))
    }
    if let last {
      model.outputs = nodes[last].outputs.filter { !$0.isEmpty }.map { name in
        outputs.first { $0.name == name } ?? Port(name, types[name] ?? ValueType(.f32, nil))
      }
    } else {
      model.outputs = outputs.filter { made.contains($0.name) }
    }
    let read = Set(model.nodes.flatMap(\.inputs))
    model.parameters = parameters.filter { read.contains($0.key) }
    try model.verified()
    return model
  }

  /// Returns the model with a module behind its one output; the output keeps its name.
  public func appending(_ module: Module, seed: UInt64 = 0) throws -> Model {
    guard let port = outputs.first, outputs.count == 1 else {
      throw PareError(.argument, "the model has \(outputs.count) outputs; a module goes behind one")
    }
    var model = self
    let inner = model.fresh("\(nodes.first { $0.outputs.contains(port.name) }?.name ?? port.name).output")
    let builder = GraphBuilder(seed: seed, opset: opset, taken: usedNames.union([inner]))
    var end = builder.input(inner)
    for member in module.flattened { end = try builder.add(member, to: [end]) }
    let swap = [port.name: inner, end.name: port.name]
    if inputs.contains(where: { $0.name == port.name }) {
      throw PareError(.unsupported, "the model's output is its input; there is nothing to append to")
    }
    model.nodes = (nodes + builder.nodes).map { node in
      var node = node
      node.inputs = node.inputs.map { swap[$0] ?? $0 }
      node.outputs = node.outputs.map { swap[$0] ?? $0 }
      return node
    }
    model.parameters.merge(builder.parameters) { _, new in new }
    model.opset = builder.opset
    model.outputs[0].type = ValueType(port.type.dtype, nil)
    model = try model.linearOnRows()
    try model.verified()
    if model.hasInputShape, let type = try model.shapes()[port.name] { model.outputs[0].type = type }
    return model
  }

  /// Returns the model with layers or parameters under other names; a layer takes its parameters (`old.weight`) along.
  ///
  /// - Throws: `not_found` with the nearest name; `argument` for a name that is taken.
  public func renaming(_ names: [String: String]) throws -> Model {
    var layers: [String: String] = [:], values: [String: String] = [:]
    for (old, new) in names.sorted(by: { $0.key < $1.key }) {
      guard !new.isEmpty else { throw PareError(.argument, "the new name of '\(old)' is empty", argument: old) }
      if parameters[old] != nil {
        values[old] = new
      } else {
        let node = try node(named: old)
        layers[old] = new
        if node.outputs.contains(old), !outputs.contains(where: { $0.name == old }) { values[old] = new }
        for input in node.inputs where parameters[input] != nil && input.hasPrefix("\(old).") && names[input] == nil {
          values[input] = new + input.dropFirst(old.count)
        }
      }
    }
    var model = self
    model.nodes = nodes.map { node in
      var node = node
      node.name = layers[node.name] ?? node.name
      node.origin = node.origin.map { layers[$0] ?? $0 }
      node.inputs = node.inputs.map { values[$0] ?? $0 }
      node.outputs = node.outputs.map { values[$0] ?? $0 }
      return node
    }
    model.parameters = [:]
    for parameter in parameters.values {
      let name = values[parameter.name] ?? parameter.name
      guard model.parameters[name] == nil else {
        throw PareError(.argument, "two parameters would be called '\(name)'", argument: name)
      }
      model.parameters[name] = Parameter(
        name, parameter.value, isTrainable: parameter.isTrainable, metadata: parameter.metadata)
    }
    do { try model.verified() } catch let error as PareError {
      throw PareError(.argument, "the new names clash: \(error.message)", argument: names.keys.sorted().first)
    }
    return model
  }

  /// Removes the parameters of a node that is gone, where nobody else reads them.
  mutating func dropUnreadParameters(of node: Node) {
    let read = Set(nodes.flatMap(\.inputs) + outputs.map(\.name))
    for name in node.inputs where !read.contains(name) { parameters[name] = nil }
  }
}
