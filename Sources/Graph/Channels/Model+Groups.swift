import Support

/// Which channels belong together.
extension Model {
  /// Returns the channel groups: the sets of parameter slices that must be removed together, in the order of the
  /// layers that make them. Groups that cannot be cut are there too, with the reason.
  ///
  /// - Throws: `argument` naming `input` when nothing of an input's shape is known.
  public func groups() throws -> [ChannelGroup] {
    if !inputs.allSatisfy({ $0.type.shape != nil }) { try requireInputShape(for: "finding channel groups") }
    return try gatheringShuffles().solvedGroups()
  }

  private func solvedGroups() throws -> [ChannelGroup] {
    let names = Set(parameters.keys)
    let pass = try ChannelPass(self, names)
    var choices: [ChannelChoice: Int] = [:], trials = 0
    // Where nothing can be removed, another factor of a reshape is tried; what frees more layers, or more units, stays.
    let (fixed, open) = try pass.withoutReshapes()
    func solved(_ choices: [ChannelChoice: Int]) throws -> (ChannelSolver, freedom: (Int, Int, Int)) {
      trials += 1
      var solver = try pass.applied(to: fixed, open, choices)
      let freedom = solver.freedom()
      return (solver, freedom)
    }
    var (solver, best) = try solved(choices)
    func isOpen() -> Bool { trials * open.count < Self.trialLimit }
    // First all reshapes that divide alike at once: layers that share a parameter are free together or not at all.
    let all = solver.choices
    let kinds = all.map { [$0.count] + $0.axes.map { pass.size($0.name, $0.axis) } }
    for kind in kinds.uniqued() {
      let blocked = zip(all, kinds).filter { $1 == kind && solver.isBlocked($0.axes) }.map(\.0)
      guard blocked.count > 1 else { continue }
      for option in 1..<kind[0] where isOpen() {
        let tried = choices.merging(blocked.map { ($0.choice, option) }) { $1 }
        let (other, freedom) = try solved(tried)
        if freedom > best { (solver, best, choices) = (other, freedom, tried) }
      }
    }
    for (choice, count, axes) in all where solver.isBlocked(axes) {
      for option in 1..<count where isOpen() {
        let tried = choices.merging([choice: option]) { $1 }
        let (other, freedom) = try solved(tried)
        if freedom > best { (solver, best, choices) = (other, freedom, tried) }
      }
    }
    // Once more in the order of the graph, so that the reasons are those that stand first.
    var result = try pass.applied(to: ChannelSolver(scope: pass.scope), Array(nodes.indices), choices, withEnds: true)
    return try markingHeads(result.groups(parameters: names))
  }

  /// A softmax over its last axis, of values that carry the units along another, is that of an attention.
  private func markingHeads(_ groups: [ChannelGroup]) throws -> [ChannelGroup] {
    var axes: [String: Int] = [:]
    for node in nodes where node.op == "Softmax" { axes[node.outputs[0]] = try node.int("axis", default: -1) }
    guard !axes.isEmpty else { return groups }
    let types = try shapes()
    return groups.map { group in
      var group = group
      group.isHeads = group.units.first?.values.contains { value in
        guard let axis = axes[value.name], let rank = types[value.name]?.shape?.count else { return false }
        return (axis == -1 || axis == rank - 1) && value.axis < rank - 2
      } ?? false
      return group
    }
  }

  /// Bounds the time that searching takes: nodes looked at again.
  private static let trialLimit = 200_000

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

/// Going through a model's nodes for what they say about channels.
private struct ChannelPass {
  private let model: Model
  private let types: [String: ValueType]
  private let names: Set<String>
  private let constants: [String: [Int]]
  /// The axes that could carry channels: those from which, over any ties, a layer that makes channels is reached.
  let scope: Set<ChannelSolver.Axis>

  init(_ model: Model, _ names: Set<String>) throws {
    self.model = model
    self.names = names
    types = try model.shapes()
    constants = model.positionLists
    var solver = ChannelSolver()
    for node in model.nodes { solver = try Self.told(node, model, types, names, constants, [:], isCoarse: true, consume solver) }
    scope = solver.scopeOfProducers()
  }

  private static func told(
    _ node: Node, _ model: Model, _ types: [String: ValueType], _ names: Set<String>, _ constants: [String: [Int]],
    _ choices: [ChannelChoice: Int], isCoarse: Bool, _ solver: consuming ChannelSolver
  ) throws -> ChannelSolver {
    try Interrupt.check()
    let op = try OperatorRegistry.find(for: node, opset: model.opset)
    var flow = ChannelFlow(
      node, types: types, parameters: names, constants: constants, opset: model.opset, choices: choices, isCoarse: isCoarse, solver: consume solver)
    try op.channels(node, &flow)
    return (consume flow).finished()
  }

  func size(_ name: String, _ axis: Int) -> Int { types[name]?.shape?[axis].positions ?? 0 }

  /// Returns what all nodes say but those that leave a choice, and the positions of these.
  func withoutReshapes() throws -> (ChannelSolver, open: [Int]) {
    var solver = ChannelSolver(scope: scope), open: [Int] = []
    for (index, node) in model.nodes.enumerated() {
      if node.op == "Reshape", node.domain.isEmpty {
        var alone = ChannelSolver(scope: scope)
        alone = try Self.told(node, model, types, names, constants, [:], isCoarse: false, consume alone)
        if !alone.choices.isEmpty {
          open.append(index)
          continue
        }
      }
      solver = try Self.told(node, model, types, names, constants, [:], isCoarse: false, consume solver)
    }
    block(&solver)
    return (solver, open)
  }

  /// Adds what the nodes at `positions` say.
  func applied(
    to solver: consuming ChannelSolver, _ positions: [Int], _ choices: [ChannelChoice: Int], withEnds: Bool = false
  ) throws -> ChannelSolver {
    for index in positions {
      solver = try Self.told(model.nodes[index], model, types, names, constants, choices, isCoarse: false, consume solver)
    }
    if withEnds { block(&solver) }
    return solver
  }

  /// Inputs and outputs of the model stay as they are.
  private func block(_ solver: inout ChannelSolver) {
    for (ports, what) in [(model.inputs, "input"), (model.outputs, "output")] {
      for port in ports {
        for (axis, size) in (types[port.name]?.shape ?? []).enumerated() {
          if let size = size.positions, size <= ChannelSolver.greatestAxis {
            solver.block(port.name, axis, size, "it is the model's \(what) '\(port.name)'", isEnd: true)
          }
        }
      }
    }
  }
}
