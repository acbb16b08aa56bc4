import Support
import Tensor

/// Layers whose result is added to a shortcut: without them the shortcut alone goes on.
public struct ResidualBranch: Sendable, Hashable {
  /// The layer that adds the branch to the shortcut.
  public let name: String
  /// The value that goes on without the branch, and the sum that it takes the place of.
  let shortcut: String, result: String
  /// The branch's layers that have weights, in graph order.
  public let layers: [String]
  /// The trainable parameters that the branch reads.
  public let parameters: [String]
  /// Why the branch cannot be dropped; nil when it can.
  public let blocked: String?
}

extension Model {
  /// Returns the residual branches in graph order.
  ///
  /// Of the two values of a sum the branch is the one that more layers with weights lie before, counted back to where the
  /// two part; nothing else reads what they make. The other one, the shortcut, may have a projection of its own.
  ///
  /// - Throws: `argument` naming `input` when nothing of an input's shape is known.
  public func residualBranches() throws -> [ResidualBranch] {
    try requireInputShape(for: "finding residual branches")
    let types = try shapes(), readers = consumers, results = Set(outputs.map(\.name))
    var found: [ResidualBranch] = []
    for (index, node) in nodes.enumerated() where node.op == "Add" && node.domain.isEmpty {
      try Interrupt.check()
      let values = node.inputs.filter { parameters[$0] == nil }
      guard values.count == 2, values[0] != values[1], let shape = types[node.outputs[0]]?.shape,
        values.allSatisfy({ types[$0]?.shape == shape })
      else { continue }
      let sides = values.map { side($0, of: index, readers, results) }
      let depths = sides.map(\.depth)
      guard depths[0] != depths[1] || depths[0] > 0 else { continue }
      let long = depths[0] > depths[1] ? 0 : 1, branch = sides[long], other = sides[1 - long]
      guard !branch.sources.isDisjoint(with: other.nodes.isEmpty ? [values[1 - long]] : other.sources.union([values[1 - long]])) else { continue }
      let members = branch.nodes.sorted().map { nodes[$0] }
      let owned = members.flatMap(\.inputs).filter { parameters[$0]?.isTrainable == true }.uniqued()
      let shared = owned.first { readers[$0]?.contains { !branch.nodes.contains($0) } ?? false }
      found.append(
        ResidualBranch(
          name: node.name, shortcut: values[1 - long], result: node.outputs[0],
          layers: members.filter(hasWeight).map(\.name), parameters: owned,
          blocked: depths[0] == depths[1]
            ? "both values of the sum come from as many layers" : shared.map { "it shares '\($0)' with other layers" }))
    }
    return found
  }

  private func hasWeight(_ node: Node) -> Bool {
    node.inputs.contains { name in parameters[name].map { $0.isTrainable && $0.shape.rank >= 2 } ?? false }
  }

  /// What only one value of a sum needs.
  private struct Side {
    /// Positions of nodes whose results nothing else reads.
    var nodes: Set<Int> = []
    /// Values that come from elsewhere.
    var sources: Set<String> = []
    /// The fewest layers with weights on a way from a source.
    var depth = 0
  }

  private func side(_ value: String, of sum: Int, _ readers: [String: [Int]], _ results: Set<String>) -> Side {
    var side = Side()
    for index in stride(from: sum - 1, through: 0, by: -1) {
      let made = nodes[index].outputs.filter { !$0.isEmpty }
      let isOwn = made.allSatisfy { name in
        !results.contains(name)
          && (readers[name] ?? []).allSatisfy { side.nodes.contains($0) || ($0 == sum && name == value) }
      }
      if isOwn, made.contains(where: { readers[$0] != nil }) { side.nodes.insert(index) }
    }
    var depths: [String: Int] = [:]
    for index in side.nodes.sorted() {
      let node = nodes[index]
      var least: Int?
      for name in node.inputs where !name.isEmpty && parameters[name] == nil {
        if depths[name] == nil {
          depths[name] = 0
          side.sources.insert(name)
        }
        least = min(least ?? .max, depths[name] ?? 0)
      }
      for name in node.outputs { depths[name] = (least ?? 0) + (hasWeight(node) ? 1 : 0) }
    }
    side.depth = depths[value] ?? 0
    return side
  }

  /// Returns the model without these branches: their shortcuts go on alone.
  ///
  /// - Throws: `argument` for a branch that cannot be dropped.
  public func dropping(_ branches: [ResidualBranch]) throws -> Model {
    var model = self, renamed: [String: String] = [:]
    let results = Set(outputs.map(\.name))
    for branch in branches {
      if let reason = branch.blocked {
        throw PareError(.argument, "the branch of '\(branch.name)' cannot be dropped: \(reason)", layer: branch.name)
      }
      let index = try model.position(of: branch.name)
      if results.contains(branch.result) {
        model.nodes[index] = Node(
          name: branch.name, op: "Identity", inputs: [branch.shortcut], outputs: [branch.result], origin: model.nodes[index].origin)
      } else {
        model.nodes.remove(at: index)
        renamed[branch.result] = branch.shortcut
      }
    }
    func final(_ name: String) -> String {
      var name = name
      while let next = renamed[name] { name = next }
      return name
    }
    for index in model.nodes.indices { model.nodes[index].inputs = model.nodes[index].inputs.map(final) }
    return try model.eliminatingDead()
  }

  /// Holds branches at zero without removing them: all of their parameters are masked.
  public func masked(_ branches: [ResidualBranch]) throws -> Model {
    var model = self
    for name in branches.flatMap(\.parameters).uniqued() {
      let value = try parameter(named: name).value
      model.parameters[name]?.value = try value.masked(.zeros(value.shape, .bool))
    }
    return model
  }
}
