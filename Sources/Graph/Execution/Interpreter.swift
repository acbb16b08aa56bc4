import OrderedCollections
import Support
import Tensor

/// What one run gives back.
public struct Execution: Sendable {
  /// By output name.
  public var outputs: [String: Tensor]
  /// By the names that were asked for.
  public var taps: [String: Tensor]
  /// New values of running statistics, by parameter name (training mode only).
  public var statistics: [String: Tensor]
}

/// Runs a model node by node on tensors, with or without the tape. Prepared once, run many times; a value, so that
/// several may share it.
public struct Interpreter: Sendable {
  private struct Step: Sendable {
    let node: Node
    let op: any Operator
    /// Slots of inputs and outputs; -1 is absent.
    let inputs: [Int]
    let outputs: [Int]
    /// What the epilogue adds; -1 is nothing.
    var residual = -1
    var rectifier: Rectifier?
    /// Slots that nobody reads after this step.
    var released: [Int] = []
  }

  /// The model as it was given.
  public let model: Model
  /// One step a node.
  private let steps: [Step]
  /// The same with what can be done in one pass done in one, and the slots that no step fills then.
  private let fusedSteps: [Step]
  private let hidden: Set<Int>
  private let slots: [String: Int]
  private let initial: [Tensor?]
  private let tapSlots: [String: Int]

  /// Prepares a model: resolves operators, assigns slots, makes stored parameters dense.
  ///
  /// - Throws: `unsupported` naming an operator that is not there, `format` for a name that nobody makes.
  public init(_ model: Model) throws {
    self.model = model
    var slots: [String: Int] = [:]
    var initial: [Tensor?] = []
    func slot(_ name: String) -> Int {
      if let slot = slots[name] { return slot }
      slots[name] = initial.count
      initial.append(nil)
      return initial.count - 1
    }
    for (name, parameter) in model.parameters { initial[slot(name)] = try parameter.value.dense() }
    for port in model.inputs { _ = slot(port.name) }
    let parameterCount = model.parameters.count

    var plain: [Step] = []
    for node in model.nodes {
      let op = try OperatorRegistry.find(for: node, opset: model.opset)
      let inputs = try node.inputs.map { name -> Int in
        if name.isEmpty { return -1 }
        guard let slot = slots[name] else {
          throw node.failure(.format, "input '\(name)' is made by no earlier node")
        }
        return slot
      }
      plain.append(Step(node: node, op: op, inputs: inputs, outputs: node.outputs.map { $0.isEmpty ? -1 : slot($0) }))
    }
    let kept = try Set(
      model.outputs.map { port in
        guard let slot = slots[port.name] else {
          throw PareError(.format, "output '\(port.name)' of the model is made by no node")
        }
        return slot
      }
    ).union(0..<parameterCount)

    let chains = try FusedNodes.all(in: model, plain.map(\.op))
    let inside = Set(chains.values.flatMap { $0.nodes.dropLast() })
    var fused: [Step] = []
    for (index, step) in plain.enumerated() where !inside.contains(index) {
      guard let chain = chains[index] else {
        fused.append(step)
        continue
      }
      let first = plain[chain.nodes[0]]
      fused.append(
        Step(
          node: first.node, op: first.op, inputs: first.inputs, outputs: step.outputs,
          residual: chain.residual.flatMap { slots[$0] } ?? -1, rectifier: chain.rectifier))
    }
    hidden = Set(inside.flatMap { plain[$0].outputs })
    steps = Self.releasing(plain, keeping: kept)
    fusedSteps = Self.releasing(fused, keeping: kept)
    var taps = slots
    for step in steps { if let first = step.outputs.first, first >= 0 { taps[step.node.name] = first } }
    self.slots = slots
    self.initial = initial
    tapSlots = taps
  }

  /// Marks in each step the values that nobody reads after it.
  private static func releasing(_ steps: [Step], keeping kept: Set<Int>) -> [Step] {
    var lastUse: [Int: Int] = [:]
    for (index, step) in steps.enumerated() {
      for slot in step.inputs + step.outputs + [step.residual] where slot >= 0 { lastUse[slot] = index }
    }
    var steps = steps
    for (slot, index) in lastUse.sorted(by: { $0.key < $1.key }) where !kept.contains(slot) {
      steps[index].released.append(slot)
    }
    return steps
  }

  /// Computes the model's outputs.
  ///
  /// - Parameters:
  ///   - inputs: by input name; every input of the model.
  ///   - taps: layers (their first output) or values to hand back as well.
  ///   - training: batch statistics and dropout in force; new running statistics are reported.
  ///   - parameters: tracked leaves that take the place of parameters, each projected by its representation.
  ///   - seed: of dropout.
  ///   - autocast: mixed precision; outputs and taps come back in f32.
  /// - Throws: `argument` or `shape` naming an input that is missing or does not fit; errors of operators with the layer.
  public func run(
    _ inputs: [String: Tensor], taps: [String] = [], training: Bool = false, parameters: [String: Tensor]? = nil,
    seed: UInt64 = 0, autocast: Autocast? = nil
  ) throws -> Execution {
    var values = initial
    try bind(inputs, to: &values)
    for (name, leaf) in parameters ?? [:] {
      guard let slot = slots[name], let parameter = model.parameters[name] else {
        throw PareError(.notFound, "no parameter '\(name)' in the model", argument: name,
                        suggestion: Suggestion.didYouMean(name, among: model.parameters.keys))
      }
      guard leaf.shape == parameter.shape else {
        throw PareError(.shape, "parameter '\(name)'", argument: name, expected: "\(parameter.shape.dimensions)",
                        got: "\(leaf.shape.dimensions)")
      }
      values[slot] = try parameter.value.projected(leaf)
    }
    let tapped = try Dictionary(taps.map { ($0, try tapSlot($0)) }, uniquingKeysWith: { first, _ in first })
    let wanted = Set(tapped.values)
    var collected: [Int: Tensor] = [:]
    for slot in wanted { if let value = values[slot] { collected[slot] = value } }

    var context = ExecutionContext(opset: model.opset, isTraining: training, seed: seed)
    var arguments: [Tensor?] = []
    for step in wanted.isDisjoint(with: hidden) ? fusedSteps : steps {
      try Interrupt.check()
      context.epilogue.residual = step.residual < 0 ? nil : values[step.residual]
      context.epilogue.rectifier = step.rectifier
      arguments.removeAll(keepingCapacity: true)
      for slot in step.inputs { arguments.append(slot < 0 ? nil : values[slot]) }
      try autocast?.cast(&arguments, for: step.node, step.op.precision)
      let results: [Tensor]
      do { results = try step.op.forward(step.node, arguments, &context) } catch let error as PareError {
        throw error.located(layer: step.node.name, op: step.node.op)
      }
      guard results.count >= step.outputs.count else {
        throw step.node.failure(.unsupported, "outputs", expected: "at most \(results.count)", got: "\(step.outputs.count)")
      }
      for (slot, result) in zip(step.outputs, results) where slot >= 0 {
        values[slot] = result
        if wanted.contains(slot) { collected[slot] = result }
      }
      arguments.removeAll(keepingCapacity: true)
      context.epilogue.residual = nil
      for slot in step.released { values[slot] = nil }
    }

    var outputs: [String: Tensor] = [:]
    for port in model.outputs {
      guard let slot = slots[port.name], let value = values[slot] else {
        throw PareError(.internal, "output '\(port.name)' was not computed")
      }
      outputs[port.name] = try autocast?.widened(value) ?? value
    }
    let seen = try tapped.compactMapValues { slot in try collected[slot].map { try autocast?.widened($0) ?? $0 } }
    return Execution(outputs: outputs, taps: seen, statistics: context.statistics)
  }

  private func tapSlot(_ name: String) throws -> Int {
    if let slot = tapSlots[name] { return slot }
    throw PareError(.notFound, "no layer or value '\(name)' to tap",
                    suggestion: Suggestion.didYouMean(name, among: tapSlots.keys), layer: name)
  }

  private func bind(_ inputs: [String: Tensor], to values: inout [Tensor?]) throws {
    for name in inputs.keys.sorted() where !model.inputs.contains(where: { $0.name == name }) {
      throw PareError(.argument, "the model has no input '\(name)'", argument: name,
                      expected: model.inputs.map(\.name).joined(separator: ", "),
                      suggestion: Suggestion.didYouMean(name, among: model.inputs.map(\.name)))
    }
    for port in model.inputs {
      guard let tensor = inputs[port.name], let slot = slots[port.name] else {
        throw PareError(.argument, "input '\(port.name)' of the model is missing", argument: port.name)
      }
      if let shape = port.type.shape {
        let fits = shape.count == tensor.rank
          && zip(shape, tensor.shape).allSatisfy { wanted, size in wanted.value.map { $0 == size } ?? true }
        guard fits else {
          throw PareError(.shape, "input '\(port.name)' of the model", argument: port.name,
                          expected: "[\(shape.map(\.description).joined(separator: ", "))]",
                          got: "\(tensor.shape.dimensions)")
        }
      }
      guard tensor.dtype == port.type.dtype || (tensor.dtype.isFloating && port.type.dtype.isFloating) else {
        throw PareError(.dtype, "input '\(port.name)' of the model", argument: port.name,
                        expected: port.type.dtype.name, got: tensor.dtype.name)
      }
      values[slot] = tensor
    }
  }
}

extension Model {
  /// Computes the output of a model of one input and one output.
  ///
  /// - Throws: `argument` for a model of several; what `Interpreter.run` throws.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard let input = inputs.first, inputs.count == 1, let output = outputs.first, outputs.count == 1 else {
      throw PareError(.argument, "the model has \(inputs.count) inputs and \(outputs.count) outputs; call it by name")
    }
    guard let value = try Interpreter(self).run([input.name: x]).outputs[output.name] else {
      throw PareError(.internal, "output '\(output.name)' was not computed")
    }
    return value
  }
}
