import Support
import Tensor

extension Model {
  /// Returns the model with every channel shuffle (reshape, transpose, reshape back: Zhang 2018) written as what it is, a
  /// new order of channels: a Gather along axis 1, called as the last of the three. In that form a cut may leave halves of
  /// different widths.
  func gatheringShuffles() throws -> Model {
    guard nodes.contains(where: { $0.op == "Transpose" }) else { return self }
    let readers = consumers, makers = producers
    let ends = Set(outputs.map(\.name))
    var types: [String: ValueType]?
    var replaced: [Int: (source: String, order: [Int])] = [:]
    var gone: Set<Int> = []
    for (index, node) in nodes.enumerated() where node.op == "Transpose" {
      guard let perm = try node.ints("perm"), perm.count >= 3, perm[0] == 0, perm[1] == 2, perm[2] == 1,
        Array(perm[3...]) == Array(3..<perm.count), let first = node.input(0).flatMap({ makers[$0] }), nodes[first].op == "Reshape",
        let next = readers[node.outputs[0]], next.count == 1, nodes[next[0]].op == "Reshape",
        readers[nodes[first].outputs[0]]?.count == 1, !ends.contains(node.outputs[0]), !ends.contains(nodes[first].outputs[0])
      else { continue }
      if types == nil { types = try shapes() }
      guard let from = types?[nodes[first].inputs[0]]?.shape, let apart = types?[nodes[first].outputs[0]]?.shape,
        let to = types?[nodes[next[0]].outputs[0]]?.shape, from.count == to.count, from.count >= 2, from[0] == to[0], from[1] == to[1],
        from[2...] == to[2...], apart.count == from.count + 1, apart[0] == from[0], apart[3...] == from[2...],
        let groups = apart[1].value, let each = apart[2].value, let channels = from[1].value, groups * each == channels
      else { continue }
      replaced[next[0]] = (nodes[first].inputs[0], (0..<channels).map { $0 % groups * each + $0 / groups })
      gone.formUnion([index, first])
    }
    guard !replaced.isEmpty else { return self }
    var model = self
    model.nodes = []
    for (index, node) in nodes.enumerated() where !gone.contains(index) {
      guard let (source, order) = replaced[index] else {
        model.nodes.append(node)
        continue
      }
      let name = model.fresh("\(node.name).order")
      model.parameters[name] = Parameter(name, try Tensor(order.map(Int64.init), shape: Shape([order.count])), isTrainable: false)
      model.nodes.append(Node(
        name: node.name, op: "Gather", inputs: [source, name], outputs: node.outputs, attributes: ["axis": .int(1)], origin: node.origin))
    }
    return try model.eliminatingDead()
  }

  /// The constants of the model that may be lists of positions, by name.
  var positionLists: [String: [Int]] {
    var result: [String: [Int]] = [:]
    for node in nodes where node.op == "Gather" {
      guard let name = node.input(1), let parameter = parameters[name], parameter.shape.rank == 1, parameter.shape.count <= ChannelSolver.greatestAxis,
        let dense = parameter.value as? DenseRepresentation, dense.tensor.dtype == .i64, let values = try? dense.tensor.values(as: Int64.self)
      else { continue }
      result[name] = values.map { Int($0) }
    }
    return result
  }
}
