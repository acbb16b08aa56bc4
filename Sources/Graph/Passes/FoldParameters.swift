import Support
import Tensor

extension Model {
  /// Returns the model with what it computes from parameters alone in their place: weights that the graph normalises,
  /// transposes or writes zeros into are weights again.
  ///
  /// Only where the results take no more bytes than the parameters that nobody reads any more: an expanded table stays
  /// computed, and so does a weight that another layer shares. What is looked up in a table stays a table.
  package func foldingParameters() throws -> Model {
    let parts = partsOfParameters()
    guard !parts.isEmpty else { return self }
    var model = self
    let types = try shapes(), readers = consumers, ends = Set(outputs.map(\.name))
    var folded: Set<Int> = []
    for part in parts {
      let members = Set(part)
      func isInside(_ name: String) -> Bool { readers[name].map { $0.allSatisfy(members.contains) } ?? true }
      let made = part.flatMap { nodes[$0].outputs }.filter { !$0.isEmpty }
      let results = made.filter { !isInside($0) }
      let gone = part.flatMap { nodes[$0].inputs }.uniqued().compactMap { parameters[$0] }.filter { isInside($0.name) && !ends.contains($0.name) }
      guard gone.contains(where: { $0.isTrainable && $0.shape.count > Self.greatestNumber }),
        let before = Self.bytes(gone.map { types[$0.name] }), let after = Self.bytes(results.map { types[$0] }), after <= before,
        // Nothing large is made on the way, on the word of a shape.
        let between = Self.bytes(made.map { types[$0] }), between / Self.greatestGrowth <= before
      else { continue }
      var values: [String: Tensor] = [:], context = ExecutionContext(opset: opset)
      for index in part {
        try Interrupt.check()
        let node = nodes[index]
        let inputs = try node.inputs.map { name in try values[name] ?? parameters[name]?.value.dense() ?? constant(name) }
        let found = try OperatorRegistry.find(for: node, opset: opset).forward(node, inputs, &context)
        for (name, value) in zip(node.outputs, found) { values[name] = value }
      }
      for name in results { model.parameters[name] = values[name].map { Parameter(name, $0) } }
      folded.formUnion(members)
    }
    guard !folded.isEmpty else { return self }
    model.nodes = nodes.indices.filter { !folded.contains($0) }.map { nodes[$0] }
    return try model.eliminatingDead()
  }

  /// Operators that choose from a table, hold a grid, or differ in training.
  private static let kept: Set<String> = [
    "Constant", "Dropout", "DequantizeLinear", "DynamicQuantizeLinear", "Gather", "GatherElements", "GatherND", "Identity", "QuantizeLinear", "Slice", "Split",
  ]
  /// Constants of so few numbers belong to nobody: many layers share them.
  private static let greatestNumber = 64
  /// How many times the bytes of the parameters all that is made on the way may take.
  private static let greatestGrowth = 16

  /// The nodes that read parameters and constants alone, in sets that have no value or larger parameter in common.
  private func partsOfParameters() -> [[Int]] {
    let ends = Set(outputs.map(\.name))
    var known: Set<String> = [], makers: [String: Int] = [:], parent: [Int: Int] = [:]
    for (name, parameter) in parameters where parameter.value is DenseRepresentation { known.insert(name) }
    func root(_ index: Int) -> Int {
      var index = index
      while let next = parent[index], next != index { index = next }
      return index
    }
    for (index, node) in nodes.enumerated() {
      if node.op == "Constant", node.domain.isEmpty { known.formUnion(node.outputs) }
      guard !Self.kept.contains(node.op), !node.inputs.isEmpty, node.inputs.allSatisfy({ $0.isEmpty || known.contains($0) }),
        !node.outputs.contains(where: ends.contains)
      else { continue }
      known.formUnion(node.outputs)
      parent[index] = index
      for name in node.inputs where makers[name] != nil || parameters[name].map({ $0.shape.count > Self.greatestNumber }) == true {
        if let other = makers[name] { parent[root(index)] = root(other) } else { makers[name] = index }
      }
      for name in node.outputs { makers[name] = index }
    }
    let sets = Dictionary(grouping: parent.keys.sorted(), by: root)
    return sets.keys.sorted().compactMap { sets[$0] }
  }

  /// The value of a Constant node.
  private func constant(_ name: String) throws -> Tensor? {
    guard let node = nodes.first(where: { $0.op == "Constant" && $0.outputs.contains(name) }) else { return nil }
    var context = ExecutionContext(opset: opset)
    return try OperatorRegistry.find(for: node, opset: opset).forward(node, [], &context).first
  }

  /// What values of these types take together; nil where a size is not known, or beyond counting.
  private static func bytes(_ types: [ValueType?]) -> Int? {
    var total = 0
    for type in types {
      guard let type, let shape = type.fixedShape else { return nil }
      var count = type.dtype.size
      for size in shape {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow else { return nil }
        count = product
      }
      let (sum, overflow) = total.addingReportingOverflow(count)
      guard !overflow else { return nil }
      total = sum
    }
    return total
  }
}
