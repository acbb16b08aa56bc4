import Support
import Tensor

/// A piece of a network that is not yet part of one: one layer, or several in a row.
///
/// Modules are put together with `NN.sequential` or `NN.graph`, or take a layer's place with `Model.replacing`.
public struct Module: Sendable {
  /// How a parameter starts.
  public enum Initial: Sendable {
    /// U(-bound, bound) from (seed, parameter name).
    case uniform(bound: Double)
    /// N(0, std²) from (seed, parameter name).
    case normal(std: Double)
    case constant(Double)
    /// These values, of any dtype.
    case given(Tensor)
  }

  /// A parameter of a layer: `suffix` is its name behind the layer's.
  public struct ParameterPlan: Sendable {
    /// `weight` in `fc.weight`; `with` finds the parameter by it.
    public var suffix: String
    /// The whole name, where it does not begin with the layer's.
    public var name: String?
    /// Its sizes; none for a single number.
    public var shape: [Int]
    /// Where its values come from when the module becomes part of a model.
    public var initial: Initial
    /// Becomes the parameter's `isTrainable`.
    public var isTrainable: Bool

    /// A parameter called by its layer's name, a dot and `suffix`.
    public init(_ suffix: String, _ shape: [Int], _ initial: Initial, isTrainable: Bool = true) {
      self.suffix = suffix
      self.shape = shape
      self.initial = initial
      self.isTrainable = isTrainable
    }

    /// A parameter with a whole name of its own, by which `with` finds it too.
    public init(named name: String, _ shape: [Int], _ initial: Initial, isTrainable: Bool = true) {
      self.init(name, shape, initial, isTrainable: isTrainable)
      self.name = name
    }
  }

  /// One ONNX operator with its attributes and the parameters that follow its data inputs.
  public struct LayerPlan: Sendable {
    /// The operator's name in ONNX's own domain.
    public var op: String
    /// By ONNX's names; those left out have ONNX's defaults.
    public var attributes: [String: Attribute]
    /// In the order of the operator's inputs.
    public var parameters: [ParameterPlan]
    /// How many values the layer takes.
    public var valueCount: ClosedRange<Int>
    /// The lowest operator set that has the operator in this form.
    public var opset: Int
    /// How many values the layer gives.
    public var outputs: Int
    /// Whether the parameters stand before the values (a table in Gather).
    public var parametersFirst: Bool

    /// The defaults are those of a layer with one value in and one out.
    public init(
      _ op: String, _ attributes: [String: Attribute] = [:], parameters: [ParameterPlan] = [],
      valueCount: ClosedRange<Int> = 1...1, opset: Int = Model.defaultOpset, outputs: Int = 1, parametersFirst: Bool = false
    ) {
      self.op = op
      self.attributes = attributes
      self.parameters = parameters
      self.valueCount = valueCount
      self.opset = opset
      self.outputs = outputs
      self.parametersFirst = parametersFirst
    }
  }

  enum Content: Sendable {
    case layer(LayerPlan)
    case sequence([Module])
  }

  /// The constructor's name in Lua, from which unnamed layers get theirs.
  public let constructor: String
  /// The layer's name; nil is numbered.
  public var name: String?
  var content: Content

  /// A module of one layer.
  public init(_ constructor: String, name: String? = nil, layer: LayerPlan) {
    self.constructor = constructor
    self.name = name
    content = .layer(layer)
  }

  /// Modules in a row.
  public init(sequence: [Module]) {
    constructor = "sequential"
    content = .sequence(sequence)
  }

  /// The module with given values for some of its parameters, by suffix (`weight`, `bias`).
  ///
  /// - Throws: `not_found` or `shape` naming the parameter.
  public func with(_ values: [String: Tensor]) throws -> Module {
    guard case .layer(var layer) = content else {
      throw PareError(.argument, "a row of modules takes no values; give them to its members")
    }
    for (suffix, tensor) in values.sorted(by: { $0.key < $1.key }) {
      guard let index = layer.parameters.firstIndex(where: { $0.suffix == suffix }) else {
        throw PareError(.notFound, "\(constructor) has no parameter '\(suffix)'", argument: suffix,
                        expected: layer.parameters.map(\.suffix).joined(separator: ", "))
      }
      guard tensor.shape.dimensions == layer.parameters[index].shape else {
        throw PareError(.shape, "\(constructor): parameter '\(suffix)'", argument: suffix,
                        expected: "\(layer.parameters[index].shape)", got: "\(tensor.shape.dimensions)")
      }
      layer.parameters[index].initial = .given(tensor)
    }
    var module = self
    module.content = .layer(layer)
    return module
  }

  /// All layers, in order.
  var flattened: [Module] {
    switch content {
    case .layer: [self]
    case .sequence(let modules): modules.flatMap(\.flattened)
    }
  }

  /// Applies the module to a value of a graph that is being built.
  public func callAsFunction(_ x: GraphValue) throws -> GraphValue { try callAsFunction([x]) }

  /// Applies the module to several values (`NN.add`, `NN.concat`).
  public func callAsFunction(_ values: [GraphValue]) throws -> GraphValue {
    guard let builder = values.first?.builder else {
      throw PareError(.argument, "\(constructor) is applied to no value")
    }
    return try builder.add(self, to: values)
  }
}
