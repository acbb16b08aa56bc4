import Support
import Tensor

/// What is known of values before anything runs: their types, and what subgraphs of sizes compute.
package struct ShapeAnalysis {
  /// The type of every value and parameter so far.
  package private(set) var types: [String: ValueType] = [:]
  /// The small tensors that follow from constants and sizes alone.
  package private(set) var values: [String: Tensor] = [:]
  private let opset: Int

  /// Larger constants are data, not shapes.
  private static let greatestCount = 64
  /// Operators whose results have a size that only the values tell.
  private static let selecting: Set<String> = ["NonZero", "Compress", "Unique"]

  package init(opset: Int) { self.opset = opset }

  /// Adds a constant; `value` where its elements may matter.
  package mutating func add(_ name: String, _ type: ValueType, _ value: Tensor? = nil) {
    types[name] = value.map { ValueType(of: $0) } ?? type
    if let value, value.count <= Self.greatestCount { values[name] = value }
  }

  package mutating func add(_ port: Port) { types[port.name] = port.type }

  /// Adds the outputs of a node whose inputs are there.
  ///
  /// - Throws: what inference throws, naming the node.
  package mutating func add(_ node: Node) throws {
    let op = try OperatorRegistry.find(for: node, opset: opset)
    let found = try op.inferred(node, node.inputs.map { $0.isEmpty ? nil : types[$0] }, OperatorContext(opset: opset))
    for (name, type) in zip(node.outputs, found) where !name.isEmpty { types[name] = type }
    for (name, value) in evaluated(node, op, found) where !name.isEmpty {
      values[name] = value
      types[name] = ValueType(of: value)
    }
  }

  /// Adds a node if it can be understood; else its outputs stay unknown.
  package mutating func tryAdd(_ node: Node) { try? add(node) }

  /// Computes a node whose inputs are small constants, or whose contents inference told.
  private func evaluated(_ node: Node, _ op: any Operator, _ found: [ValueType]) -> [(String, Tensor)] {
    if node.outputs.count == 1, let type = found.first, let contents = type.contents, let shape = type.fixedShape {
      let numbers = contents.compactMap(\.value)
      if numbers.count == contents.count,
        let tensor = try? Tensor(numbers.map(Int64.init), shape: Shape(shape)).converted(to: type.dtype) {
        return [(node.outputs[0], tensor)]
      }
    }
    let inputs = node.inputs.map { $0.isEmpty ? nil : values[$0] }
    guard zip(node.inputs, inputs).allSatisfy({ $0.isEmpty || $1 != nil }), !node.inputs.isEmpty || node.op == "Constant",
      found.count >= node.outputs.count, node.op != "QuantizeLinear", node.op != "DequantizeLinear"
    else { return [] }
    // Nothing large is made on the word of a small constant.
    let isSmall = Self.selecting.contains(node.op) || found.prefix(node.outputs.count).allSatisfy { type in
      guard let sizes = type.fixedShape else { return false }
      return sizes.reduce(1) { $0 > Self.greatestCount ? $0 : $0 * min($1, Self.greatestCount + 1) } <= Self.greatestCount
    }
    var context = ExecutionContext(opset: opset)
    guard isSmall, let results = try? op.forward(node, inputs, &context) else { return [] }
    return zip(node.outputs, results).filter { $1.count <= Self.greatestCount }
  }
}
