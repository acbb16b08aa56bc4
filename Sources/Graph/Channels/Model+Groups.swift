import Support

/// Which channels belong together.
extension Model {
  /// Returns the channel groups: the sets of parameter slices that must be removed together, in the order of the
  /// layers that make them. Groups that cannot be cut are there too, with the reason.
  ///
  /// - Throws: `argument` naming `input` when the input's sizes are not known.
  public func groups() throws -> [ChannelGroup] {
    try requireInputShape(for: "finding channel groups")
    return try gatheringShuffles().solvedGroups()
  }

  private func solvedGroups() throws -> [ChannelGroup] {
    let types = try shapes()
    let names = Set(parameters.keys)
    var solver = try solved(types, names, [:])
    var best = solver.groups(parameters: names)
    var choices: [ChannelChoice: Int] = [:], trials = 0
    // Where nothing can be removed, another axis of a reshape is tried; what frees more layers, or more units, stays.
    func size(_ name: String, _ axis: Int) -> Int { types[name]?.shape?[axis].positions ?? 0 }
    // First all reshapes that divide alike at once: layers that share a parameter are free together or not at all.
    let alike = solver.choices.map { [$0.count, size($0.name, $0.axis)] }.uniqued()
    for kind in alike {
      let blocked = solver.choices.filter { [$0.count, size($0.name, $0.axis)] == kind && solver.isBlocked($0.name, $0.axis) }
      guard blocked.count > 1 else { continue }
      for option in 1..<kind[0] where trials * nodes.count < Self.trialLimit {
        trials += 1
        let tried = choices.merging(blocked.map { ($0.choice, option) }) { $1 }
        var other = try solved(types, names, tried)
        let found = other.groups(parameters: names)
        guard Self.freedom(found) > Self.freedom(best) else { continue }
        choices = tried
        (solver, best) = (other, found)
      }
    }
    for (choice, count, name, axis) in solver.choices {
      guard solver.isBlocked(name, axis) else { continue }
      for option in 1..<count where trials * nodes.count < Self.trialLimit {
        trials += 1
        var other = try solved(types, names, choices.merging([choice: option]) { $1 })
        let found = other.groups(parameters: names)
        guard Self.freedom(found) > Self.freedom(best) else { continue }
        choices[choice] = option
        (solver, best) = (other, found)
      }
    }
    return best
  }

  /// Bounds the time that searching takes: nodes looked at again.
  private static let trialLimit = 200_000

  /// How much can be removed: layers, then units.
  private static func freedom(_ groups: [ChannelGroup]) -> (Int, Int) {
    let free = groups.filter { $0.blocked == nil && $0.units.count > 1 }
    return (Set(free.flatMap(\.layers)).count, free.reduce(0) { $0 + $1.units.count })
  }

  private func solved(_ types: [String: ValueType], _ names: Set<String>, _ choices: [ChannelChoice: Int]) throws -> ChannelSolver {
    var solver = ChannelSolver()
    let constants = positionLists
    for node in nodes {
      let op = try OperatorRegistry.find(for: node, opset: opset)
      var flow = ChannelFlow(node, types: types, parameters: names, constants: constants, opset: opset, choices: choices, solver: solver)
      solver = ChannelSolver()
      try op.channels(node, &flow)
      solver = flow.finished()
    }
    for (ports, what) in [(inputs, "input"), (outputs, "output")] {
      for port in ports {
        for (axis, size) in (types[port.name]?.shape ?? []).enumerated() {
          if let size = size.positions, size <= ChannelSolver.greatestAxis { solver.block(port.name, axis, size, "it is the model's \(what) '\(port.name)'") }
        }
      }
    }
    return solver
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
