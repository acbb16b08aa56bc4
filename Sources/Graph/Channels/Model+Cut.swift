import Support
import Tensor

/// Removing channels, and silencing them.
extension Model {
  /// Removes units: slices every parameter that they reach, fixes attributes and shape constants, and checks all shapes.
  ///
  /// - Throws: `argument` for a unit that is not there, is fixed, or would leave a layer without channels.
  public func pruned(_ selection: [UnitSelection]) throws -> Model {
    let units = try units(of: selection)
    var removed: [String: [Int: Set<Int>]] = [:]
    for unit in units {
      for slice in unit.slices { removed[slice.parameter, default: [:]][slice.axis, default: []].formUnion(slice.indices) }
      for slice in unit.values { removed[slice.name, default: [:]][slice.axis, default: []].formUnion(slice.indices) }
    }
    var model = try gatheringShuffles()
    let before = try model.shapes()
    var kept: [String: [Int: [Int]]] = [:]
    for (name, axes) in removed {
      for (axis, gone) in axes {
        guard let size = before[name]?.shape?[axis].positions else { continue }
        let rest = (0..<size).filter { !gone.contains($0) }
        guard !rest.isEmpty else {
          throw PareError(.argument, "the cut would leave nothing of axis \(axis) of '\(name)'",
                          expected: "at least one of \(size) positions", got: "all removed")
        }
        kept[name, default: [:]][axis] = rest
      }
    }
    for (name, parameter) in parameters {
      guard let axes = kept[name] else { continue }
      model.parameters[name]?.value = try axes.sorted { $0.key < $1.key }.reduce(parameter.value) { value, cut in
        try value.sliced(axis: cut.key, keeping: cut.value)
      }
    }
    try model.resizeNodes(kept: kept, before: before)
    model = try model.eliminatingDead()
    let after = try model.shapes()
    for (name, axes) in kept where after[name] != nil {
      for (axis, rest) in axes where !Self.holds(after[name]?.shape?[axis], rest.count) {
        throw PareError(.internal, "axis \(axis) of '\(name)' after the cut", expected: "\(rest.count)",
                        got: after[name]?.shape.map { "\($0[axis])" } ?? "nothing")
      }
    }
    return model
  }

  /// Holds units at zero without removing them: the slices that make them and the slices that read them are masked, so
  /// that their contribution to every consumer is exactly zero. `masked` and `pruned` compute the same outputs.
  public func masked(_ selection: [UnitSelection]) throws -> Model {
    var gone: [String: [Int: Set<Int>]] = [:]
    for unit in try units(of: selection) {
      for slice in unit.slices where slice.role != .carries {
        gone[slice.parameter, default: [:]][slice.axis, default: []].formUnion(slice.indices)
      }
    }
    var model = self
    for (name, parameter) in parameters {
      guard let axes = gone[name] else { continue }
      var mask = try Tensor.ones(parameter.shape, .f32)
      for (axis, positions) in axes {
        var sizes = [Int](repeating: 1, count: parameter.shape.rank)
        sizes[axis] = parameter.shape[axis]
        let line = (0..<parameter.shape[axis]).map { positions.contains($0) ? Float(0) : 1 }
        mask = try mask * Tensor(line, shape: Shape(sizes))
      }
      model.parameters[name]?.value = try parameter.value.masked(mask.ne(0))
    }
    return model
  }

  /// Whether an axis has as many positions; of a free size times 1 nothing is left to tell apart.
  private static func holds(_ size: Dimension?, _ count: Int) -> Bool {
    guard let size else { return false }
    return size.positions == count || (count == 1 && size.positions == nil)
  }

  private func units(of selection: [UnitSelection]) throws -> [ChannelUnit] {
    let groups = try groups()
    return try selection.flatMap { chosen -> [ChannelUnit] in
      guard groups.indices.contains(chosen.group) else {
        throw PareError(.argument, "no channel group \(chosen.group)", argument: "group", expected: "0..<\(groups.count)")
      }
      let group = groups[chosen.group]
      if let reason = group.blocked, !chosen.units.isEmpty {
        throw PareError(.argument, "channels of '\(group.name)' cannot be removed: \(reason)", layer: group.name)
      }
      return try chosen.units.map { unit in
        guard group.units.indices.contains(unit) else {
          throw PareError(.argument, "group '\(group.name)' has no unit \(unit)", argument: "units",
                          expected: "0..<\(group.units.count)", layer: group.name)
        }
        return group.units[unit]
      }
    }
  }

  /// Lets every node whose inputs or outputs were cut fix its attributes and shape constants.
  private mutating func resizeNodes(kept: [String: [Int: [Int]]], before: [String: ValueType]) throws {
    let readers = consumers, constants = positionLists
    var result: [Node] = [], changed: [Node] = []
    for node in nodes {
      guard (node.inputs + node.outputs).contains(where: { kept[$0] != nil }) else {
        result.append(node)
        continue
      }
      let cut = CutContext(
        opset: opset, constants: node.inputs.map { constants[$0] }, inputs: node.inputs.map { kept[$0] }, outputs: node.outputs.map { kept[$0] },
        inputTypes: node.inputs.map { before[$0] }, outputTypes: node.outputs.map { before[$0] })
      let change = try OperatorRegistry.find(for: node, opset: opset).resized(node, cut)
      var resized = change.node
      for (input, values) in change.constants.sorted(by: { $0.key < $1.key }) {
        let tensor = try Tensor(values.map { Int64($0 ?? 0) }, shape: Shape([values.count]))
        if let name = resized.input(input), let constant = parameters[name], readers[name]?.count == 1 {
          let old = try constant.value.dense()
          // A scalar stays one; a list may have become shorter.
          let value = old.count == tensor.count ? try tensor.reshaped(old.shape) : tensor
          parameters[name]?.value = DenseRepresentation(try value.converted(to: old.dtype))
          continue
        }
        // Shared with other nodes, computed from shapes, or not there before: the node gets its own.
        let own = fresh("\(node.name).sizes")
        parameters[own] = Parameter(own, tensor, isTrainable: false)
        while resized.inputs.count <= input { resized.inputs.append("") }
        if values.contains(where: { $0 == nil }), let computed = resized.input(input) {
          // Elements that only the run knows stay; the others are put over them.
          let mask = fresh("\(node.name).cut")
          parameters[mask] = Parameter(mask, try Tensor(values.map { $0 != nil }, shape: Shape([values.count])), isTrainable: false)
          let name = fresh("\(node.name).shape")
          result.append(Node(name: name, op: "Where", inputs: [mask, own, computed], outputs: [name]))
          resized.inputs[input] = name
        } else {
          resized.inputs[input] = own
        }
      }
      result.append(resized)
      changed.append(node)
    }
    nodes = result
    for node in changed { dropUnreadParameters(of: node) }
  }

  /// Returns `name`, or the first of `name.2`, `name.3`, ... that nothing is called yet.
  package func fresh(_ name: String) -> String {
    let used = usedNames
    guard used.contains(name) else { return name }
    var number = 2
    while used.contains("\(name).\(number)") { number += 1 }
    return "\(name).\(number)"
  }
}
