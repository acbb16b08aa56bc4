import Support
import Tensor

/// Types of all values before anything is computed.
extension Model {
  /// Returns the type of every value and parameter.
  ///
  /// - Parameter batch: the size that stands for a free first axis of the inputs; nil leaves it a symbol.
  /// - Throws: `shape` naming the node where sizes do not fit; `argument` naming `input` where they are not known.
  public func shapes(batch: Int? = nil) throws -> [String: ValueType] { try analysis(batch: batch).types }

  /// Returns what is known of every value, shape subgraphs computed. Throws as `shapes`.
  package func analysis(batch: Int? = nil) throws -> ShapeAnalysis {
    var known = sources(batch: batch)
    for node in nodes { try known.add(node) }
    return known
  }

  /// What is known before the first node: parameters and inputs.
  func sources(batch: Int? = nil) -> ShapeAnalysis {
    var known = ShapeAnalysis(opset: opset)
    for (name, parameter) in parameters {
      let dense = parameter.value as? DenseRepresentation
      // Integers are never trained, whatever the parameter says: shapes and axes.
      if let tensor = dense?.tensor, !parameter.isTrainable || !tensor.dtype.isFloating {
        known.add(name, ValueType(of: tensor), tensor)
      } else {
        known.add(name, ValueType(dense?.tensor.dtype ?? .f32, parameter.shape.map { .fixed($0) }))
      }
    }
    for port in inputs {
      var port = port
      if let batch, let first = port.type.shape?.first, first.value == nil { port.type.shape?[0] = .fixed(batch) }
      known.add(port)
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

  /// Returns the model with free sizes of its inputs fixed.
  ///
  /// - Throws: `argument` for a name that is no input, `shape` for sizes that do not fit.
  package func fixing(_ shapes: [String: [Int]]) throws -> Model {
    var model = self
    for (name, sizes) in shapes.sorted(by: { $0.key < $1.key }) {
      guard let index = inputs.firstIndex(where: { $0.name == name }) else {
        throw PareError(.argument, "the model has no input '\(name)'", argument: "shape",
                        suggestion: Suggestion.didYouMean(name, among: inputs.map(\.name)))
      }
      if let shape = inputs[index].type.shape {
        guard shape.count == sizes.count, zip(shape, sizes).allSatisfy({ $0.value ?? $1 == $1 }) else {
          throw PareError(.shape, "the shape given for input '\(name)'", argument: "shape", expected: "\(shape)", got: "\(sizes)")
        }
      }
      model.inputs[index].type.shape = sizes.map { .fixed($0) }
    }
    guard !shapes.isEmpty else { return model }
    model = try model.linearOnRows()
    _ = try model.shapes()
    return model
  }

  /// Returns the model with the sizes of its inputs taken from data, where it had none; the first axis stays the batch.
  /// Linear layers that then turn out to meet more than two axes map the last one.
  public func with(inputShapes: [String: [Int]]) throws -> Model {
    var model = self
    for index in inputs.indices {
      guard let sizes = inputShapes[inputs[index].name], !sizes.isEmpty else { continue }
      let old = inputs[index].type.shape
      if let old, old.count == sizes.count, old.dropFirst().allSatisfy({ $0.value != nil }) { continue }
      model.inputs[index].type.shape = [old?.first ?? .symbol("N")] + sizes.dropFirst().map { .fixed($0) }
    }
    return model.inputs == inputs ? model : try model.linearOnRows()
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
