// Whoever sees a model sees its parameters, which are an ordered dictionary.
@_exported import OrderedCollections
import Support
import Tensor

/// Per-channel standardisation of inputs that a model was trained with: `(x - mean) / deviation`.
public struct Normalization: Sendable, Hashable, Codable {
  /// One for each channel, in the inputs' unit.
  public var mean: [Double]
  /// The standard deviation, one for each channel, in the inputs' unit.
  public var deviation: [Double]

  /// Takes both lists as they are; their lengths are not checked.
  public init(mean: [Double], deviation: [Double]) {
    self.mean = mean
    self.deviation = deviation
  }
}

/// A network as a value: a graph of ONNX operators, named parameters, and the history of what was done to it.
///
/// Copies share their parameters until one is replaced, so keeping every intermediate model costs almost nothing.
/// A value's name is either that of a graph input, of a parameter, or of the one node output that makes it.
public struct Model: Sendable {
  /// What a run must be given, in order; parameters are not among them.
  public var inputs: [Port]
  /// What a run gives back, in order.
  public var outputs: [Port]
  /// In topological order.
  public var nodes: [Node]
  /// Weights, biases, running statistics and constants, by name.
  public var parameters: OrderedDictionary<String, Parameter>
  /// The steps that made the model what it is, the earliest first.
  public var ledger: [LedgerEntry]
  /// The version of ONNX's operator set whose semantics the nodes have.
  public var opset: Int
  /// How inputs were standardised in training, when it is known.
  public var normalization: Normalization?
  /// Facts by name, kept in saved files; an ONNX file's `metadata_props` that are not Pare's own come here.
  public var metadata: [String: String]

  /// The operator set of models made by builders.
  public static let defaultOpset = 17

  /// Puts a model together without checking it (`verified` does); ledger and metadata are empty.
  public init(
    inputs: [Port], outputs: [Port], nodes: [Node], parameters: OrderedDictionary<String, Parameter> = [:],
    opset: Int = Model.defaultOpset
  ) {
    self.inputs = inputs
    self.outputs = outputs
    self.nodes = nodes
    self.parameters = parameters
    self.opset = opset
    ledger = []
    metadata = [:]
  }
}

/// Finding things by name.
extension Model {
  /// Returns the node called `name`.
  ///
  /// - Throws: `not_found` with the nearest name.
  public func node(named name: String) throws -> Node {
    try nodes[position(of: name)]
  }

  /// Returns the place of the node called `name` in `nodes`.
  ///
  /// - Throws: `not_found` with the nearest name.
  public func position(of name: String) throws -> Int {
    if let index = nodes.firstIndex(where: { $0.name == name }) { return index }
    throw PareError(.notFound, "no layer '\(name)' in the model",
                    suggestion: Suggestion.didYouMean(name, among: nodes.map(\.name)), layer: name)
  }

  /// Returns the parameter called `name`.
  ///
  /// - Throws: `not_found` with the nearest name.
  public func parameter(named name: String) throws -> Parameter {
    if let parameter = parameters[name] { return parameter }
    throw PareError(.notFound, "no parameter '\(name)' in the model", argument: name,
                    suggestion: Suggestion.didYouMean(name, among: parameters.keys))
  }

  /// The name of the node that makes each value.
  package var producers: [String: Int] {
    var result: [String: Int] = [:]
    for (index, node) in nodes.enumerated() {
      for output in node.outputs where !output.isEmpty { result[output] = index }
    }
    return result
  }

  /// The places of the nodes that read each value or parameter.
  package var consumers: [String: [Int]] {
    var result: [String: [Int]] = [:]
    for (index, node) in nodes.enumerated() {
      for input in Set(node.inputs) where !input.isEmpty { result[input, default: []].append(index) }
    }
    return result
  }

  /// Every name that a value, parameter or node has.
  package var usedNames: Set<String> {
    var names = Set(parameters.keys)
    names.formUnion(inputs.map(\.name))
    for node in nodes {
      names.insert(node.name)
      names.formUnion(node.outputs)
    }
    return names
  }
}
