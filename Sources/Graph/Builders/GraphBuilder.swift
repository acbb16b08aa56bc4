import OrderedCollections
import Support
import Tensor

/// A value of a graph that is being built.
public struct GraphValue {
  let builder: GraphBuilder
  /// The value's name in the graph; ending the graph may rename its outputs.
  public let name: String

  /// The sum of two values of one graph (`NN.add`); shapes broadcast.
  /// - Throws: `argument` for values of two graphs.
  public static func + (a: GraphValue, b: GraphValue) throws -> GraphValue { try NN.add()([a, b]) }
  /// max(x, 0), by `NN.relu`.
  public func relu() throws -> GraphValue { try NN.relu()(self) }
  /// Joins all axes but the first, by `NN.flatten`.
  public func flatten() throws -> GraphValue { try NN.flatten()(self) }
  /// exp(x) over its sum along an axis, by `NN.softmax`; -1 is the last axis.
  public func softmax(axis: Int = -1) throws -> GraphValue { try NN.softmax(axis: axis)(self) }
}

/// Collects nodes and parameters while a network is written down.
public final class GraphBuilder {
  private let seed: UInt64
  private(set) var nodes: [Node] = []
  private(set) var parameters: OrderedDictionary<String, Parameter> = [:]
  private(set) var opset: Int
  private var counts: [String: Int] = [:]
  private var layerNames: Set<String>
  private var valueNames: Set<String>
  /// Set while a layer of a model is replaced: the origin of the new layers.
  var origin: String?

  init(seed: UInt64, opset: Int = Model.defaultOpset, taken: Set<String> = []) {
    self.seed = seed
    self.opset = opset
    layerNames = taken
    valueNames = taken
  }

  /// Keeps names from being given to unnamed layers.
  func reserve(_ names: some Sequence<String>) { reserved.formUnion(names) }
  private var reserved: Set<String> = []

  /// This name, or with a number behind it where it is taken.
  func unused(_ name: String) -> String {
    var (result, number) = (name, 2)
    while layerNames.contains(result) || valueNames.contains(result) {
      result = "\(name).\(number)"
      number += 1
    }
    return result
  }

  func input(_ name: String) -> GraphValue {
    valueNames.insert(name)
    return GraphValue(builder: self, name: name)
  }

  /// Adds a module and returns its first value.
  func add(_ module: Module, to values: [GraphValue]) throws -> GraphValue { try addAll(module, to: values)[0] }

  /// Adds a module and returns all its values.
  func addAll(_ module: Module, to values: [GraphValue]) throws -> [GraphValue] {
    guard values.allSatisfy({ $0.builder === self }) else {
      throw PareError(.argument, "\(module.constructor) is applied to a value of another graph")
    }
    switch module.content {
    case .sequence(let modules):
      guard let first = values.first, values.count == 1 else {
        throw PareError(.argument, "a row of modules takes one value", got: "\(values.count)")
      }
      return [try modules.reduce(first) { try add($1, to: [$0]) }]
    case .layer(let layer):
      guard layer.valueCount.contains(values.count) else {
        throw PareError(.argument, "\(module.constructor): number of values", expected: layer.valueCount.text,
                        got: "\(values.count)")
      }
      return try add(layer, named: name(of: module), to: values)
    }
  }

  /// Draws a parameter under a name of its own.
  func parameter(_ key: String, _ plan: Module.ParameterPlan) throws -> String {
    guard valueNames.insert(key).inserted else { throw PareError(.argument, "two values are called '\(key)'") }
    parameters[key] = Parameter(key, try draw(plan, key), isTrainable: plan.isTrainable)
    return key
  }

  /// Adds a node of one output whose inputs do not stand in the order of values, then parameters.
  func addNode(_ node: Node) throws -> GraphValue {
    guard layerNames.insert(node.name).inserted, valueNames.insert(node.outputs[0]).inserted else {
      throw PareError(.argument, "two layers are called '\(node.name)'", layer: node.name)
    }
    nodes.append(node)
    return GraphValue(builder: self, name: node.outputs[0])
  }

  private func add(_ layer: Module.LayerPlan, named name: String, to values: [GraphValue]) throws -> [GraphValue] {
    var drawn: [String] = []
    for plan in layer.parameters {
      let key = plan.name ?? "\(name).\(plan.suffix)"
      guard valueNames.insert(key).inserted else { throw PareError(.argument, "two values are called '\(key)'", layer: name) }
      parameters[key] = Parameter(key, try draw(plan, key), isTrainable: plan.isTrainable)
      drawn.append(key)
    }
    let results = [name] + (1..<max(1, layer.outputs)).map { "\(name).\($0)" }
    for result in results {
      guard valueNames.insert(result).inserted else { throw PareError(.argument, "two values are called '\(result)'", layer: name) }
    }
    opset = max(opset, layer.opset)
    let inputs = values.map(\.name)
    nodes.append(Node(
      name: name, op: layer.op, inputs: layer.parametersFirst ? drawn + inputs : inputs + drawn, outputs: results,
      attributes: layer.attributes, origin: origin))
    return results.map { GraphValue(builder: self, name: $0) }
  }

  /// The layer's own name, or the constructor's with its position among the layers of that constructor.
  private func name(of module: Module) throws -> String {
    counts[module.constructor, default: 0] += 1
    if let name = module.name {
      guard layerNames.insert(name).inserted else {
        throw PareError(.argument, "two layers are called '\(name)'", argument: "name", layer: name)
      }
      return name
    }
    var base = module.constructor
    for suffix in ["1d", "2d", "3d"] where base.hasSuffix(suffix) { base.removeLast(2) }
    var number = counts[module.constructor] ?? 1
    while layerNames.contains("\(base)\(number)") || reserved.contains("\(base)\(number)") { number += 1 }
    layerNames.insert("\(base)\(number)")
    return "\(base)\(number)"
  }

  private func draw(_ plan: Module.ParameterPlan, _ key: String) throws -> Tensor {
    let shape = try Shape(plan.shape)
    switch plan.initial {
    case .given(let tensor): return tensor
    case .constant(let value): return try Tensor.full(shape, value)
    case .normal(let std):
      return try Tensor.randn(shape, seed: seed, stream: Philox.stream(named: key)) * std
    case .uniform(let bound):
      var source = RandomSource(seed: seed, name: key)
      return try Tensor((0..<shape.count).map { _ in Float((2 * source.uniform() - 1) * bound) }, shape: shape)
    }
  }

  /// Ends the graph.
  func model(inputs: [Port], outputs: [GraphValue]) throws -> Model {
    var ports: [Port] = []
    for (index, value) in outputs.enumerated() {
      guard value.builder === self else { throw PareError(.argument, "the result is a value of another graph") }
      var result = value.name
      // An output that is an input, or is given twice, becomes a value of its own.
      if nodes.last(where: { $0.outputs.contains(result) }) == nil || ports.contains(where: { $0.name == result }) {
        result = try NN.identity()(value).name
      }
      let wanted = outputs.count == 1 ? "output" : "output\(index + 1)"
      if !valueNames.contains(wanted) {
        for position in nodes.indices {
          nodes[position].inputs = nodes[position].inputs.map { $0 == result ? wanted : $0 }
          nodes[position].outputs = nodes[position].outputs.map { $0 == result ? wanted : $0 }
        }
        valueNames.insert(wanted)
        result = wanted
      }
      ports.append(Port(result, ValueType(.f32, nil)))
    }
    var model = Model(inputs: inputs, outputs: ports, nodes: nodes, parameters: parameters, opset: opset)
    let unread = Set(parameters.keys).subtracting(nodes.flatMap(\.inputs))
    for name in unread { model.parameters[name] = nil }
    model = try model.linearOnRows()
    if model.hasInputShape {
      let types = try model.shapes()
      for index in model.outputs.indices {
        if let type = types[model.outputs[index].name] { model.outputs[index].type = type }
      }
    }
    return model
  }
}
