import Support

/// Which channels belong together.
extension Model {
  /// Returns the channel groups: the sets of parameter slices that must be removed together, in the order of the
  /// layers that make them. Groups that cannot be cut are there too, with the reason.
  ///
  /// - Throws: `argument` naming `input` when the input's sizes are not known.
  public func groups() throws -> [ChannelGroup] {
    try requireInputShape(for: "finding channel groups")
    let types = try shapes()
    let names = Set(parameters.keys)
    var solver = ChannelSolver()
    for node in nodes {
      let op = try OperatorRegistry.find(for: node, opset: opset)
      var flow = ChannelFlow(node, types: types, parameters: names, opset: opset, solver: solver)
      solver = ChannelSolver()
      try op.channels(node, &flow)
      solver = flow.finished()
    }
    for (ports, what) in [(inputs, "input"), (outputs, "output")] {
      for port in ports {
        for (axis, size) in (types[port.name]?.shape ?? []).enumerated() {
          if let size = size.value { solver.block(port.name, axis, size, "it is the model's \(what) '\(port.name)'") }
        }
      }
    }
    return solver.groups(parameters: names)
  }

  /// The name of the first group of which each layer makes channels.
  func groupsByProducer() throws -> [String: String] {
    var owners: [String: String] = [:]
    for group in try groups() {
      for layer in group.layers where owners[layer] == nil { owners[layer] = group.name }
    }
    return owners
  }

  /// Tells to which groups a layer belongs, what is cut with its channels, and what forbids it.
  ///
  /// - Throws: `not_found` with the nearest name.
  public func why(_ layer: String) throws -> String {
    let node = try node(named: layer)
    let mine = try groups().filter { group in
      (group.producers + group.consumers + group.carriers).contains { $0.layer == layer }
    }
    guard !mine.isEmpty else {
      return "\(node.op) '\(layer)' makes and reads no channels that could be removed"
    }
    return mine.map(\.description).joined(separator: "\n")
  }
}
