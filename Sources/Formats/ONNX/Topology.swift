import Graph
import Support

/// The order of nodes.
enum Topology {
  /// Returns nodes so that each stands behind those whose outputs it reads; a file that is in order stays as it is.
  ///
  /// - Parameter given: values that no node makes: inputs and parameters.
  /// - Throws: `format` for a value made twice, one made by nothing, or a cycle, naming a node.
  static func sorted(_ nodes: [Node], given: [String]) throws -> [Node] {
    var makers: [String: Int] = [:]
    let given = Set(given)
    for (index, node) in nodes.enumerated() {
      for output in node.outputs where !output.isEmpty {
        guard !given.contains(output), makers.updateValue(index, forKey: output) == nil else {
          throw PareError(.format, "value '\(output)', output of node '\(node.name)', has another source too",
                          layer: node.name, op: node.op)
        }
      }
    }
    var waiting = [Int](repeating: 0, count: nodes.count)
    var readers = [[Int]](repeating: [], count: nodes.count)
    for (index, node) in nodes.enumerated() {
      for input in node.inputs where !input.isEmpty && !given.contains(input) {
        guard let maker = makers[input] else {
          throw PareError(.format, "node '\(node.name)' reads '\(input)', which nothing makes",
                          suggestion: Suggestion.didYouMean(input, among: given.union(makers.keys)),
                          layer: node.name, op: node.op)
        }
        waiting[index] += 1
        readers[maker].append(index)
      }
    }
    if nodes.indices.allSatisfy({ index in readers[index].allSatisfy { $0 > index } }) { return nodes }
    var order = nodes.indices.filter { waiting[$0] == 0 }
    var next = 0
    while next < order.count {
      for reader in readers[order[next]] {
        waiting[reader] -= 1
        if waiting[reader] == 0 { order.append(reader) }
      }
      next += 1
    }
    if order.count < nodes.count, let index = waiting.firstIndex(where: { $0 > 0 }) {
      throw PareError(.format, "node '\(nodes[index].name)' waits for its own output, in a cycle",
                      layer: nodes[index].name, op: nodes[index].op)
    }
    return order.map { nodes[$0] }
  }
}
