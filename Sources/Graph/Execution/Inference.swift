import Support
import Tensor

/// Types of all values before anything is computed.
extension Model {
  /// Returns the type of every value and parameter.
  ///
  /// - Parameter batch: the size that stands for a free first axis of the inputs; nil leaves it a symbol.
  /// - Throws: `shape` naming the node where sizes do not fit; `argument` naming `input` where they are not known.
  public func shapes(batch: Int? = nil) throws -> [String: ValueType] {
    var known: [String: ValueType] = [:]
    for (name, parameter) in parameters {
      known[name] = parameter.isTrainable || !(parameter.value is DenseRepresentation)
        ? ValueType(.f32, parameter.shape.map { .fixed($0) })
        : ValueType(of: try parameter.value.dense())
      if parameter.isTrainable, let dense = parameter.value as? DenseRepresentation {
        known[name]?.dtype = dense.tensor.dtype
      }
    }
    for port in inputs {
      var type = port.type
      if let batch, let first = type.shape?.first, first.value == nil { type.shape?[0] = .fixed(batch) }
      known[port.name] = type
    }
    let context = OperatorContext(opset: opset)
    for node in nodes {
      let op = try OperatorRegistry.find(for: node, opset: opset)
      let types = try op.inferred(node, node.inputs.map { $0.isEmpty ? nil : known[$0] }, context)
      for (name, type) in zip(node.outputs, types) where !name.isEmpty { known[name] = type }
    }
    return known
  }

  /// Whether the sizes of every input but the batch are known.
  public var hasInputShape: Bool {
    inputs.allSatisfy { port in port.type.shape?.dropFirst().allSatisfy { $0.value != nil } ?? false }
  }

  /// Fails where something needs sizes that the model has not met yet.
  package func requireInputShape(for purpose: String) throws {
    guard !hasInputShape else { return }
    let names = inputs.filter { $0.type.shape?.dropFirst().allSatisfy { $0.value != nil } != true }.map(\.name)
    throw PareError(.argument, "\(purpose) needs the sizes of '\(names.joined(separator: "', '"))'", argument: "input",
                    suggestion: "give input={channels, height, width} or run the model on data first")
  }

  /// Returns the model with the sizes of its inputs taken from data, where it had none; the first axis stays the batch.
  public func with(inputShapes: [String: [Int]]) -> Model {
    var model = self
    for index in inputs.indices {
      guard let sizes = inputShapes[inputs[index].name], !sizes.isEmpty else { continue }
      let old = inputs[index].type.shape
      if let old, old.count == sizes.count, old.dropFirst().allSatisfy({ $0.value != nil }) { continue }
      model.inputs[index].type.shape = [old?.first ?? .symbol("N")] + sizes.dropFirst().map { .fixed($0) }
    }
    return model
  }
}

extension Operator {
  /// `infer`, with arity checked and errors placed.
  func inferred(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    guard arity.contains(node.inputs.count) else {
      throw node.failure(.format, "number of inputs", expected: arity.text, got: "\(node.inputs.count)")
    }
    do { return try infer(node, inputs, context) } catch let error as PareError {
      throw error.located(layer: node.name, op: node.op)
    }
  }
}

extension ClosedRange<Int> {
  /// `2`, `1 to 3` or `1 or more`.
  var text: String {
    lowerBound == upperBound ? "\(lowerBound)" : upperBound == .max ? "\(lowerBound) or more" : "\(lowerBound) to \(upperBound)"
  }
}
