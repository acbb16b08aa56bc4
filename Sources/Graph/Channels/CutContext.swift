/// What `Operator.resized` may ask after a structural cut.
public struct CutContext: Sendable {
  /// The operator set of the model.
  public let opset: Int
  private let inputs: [[Int: [Int]]?]
  private let outputs: [[Int: [Int]]?]
  private let inputTypes: [ValueType?]
  private let outputTypes: [ValueType?]
  private let constants: [[Int]?]

  init(
    opset: Int, constants: [[Int]?] = [], inputs: [[Int: [Int]]?], outputs: [[Int: [Int]]?], inputTypes: [ValueType?], outputTypes: [ValueType?]
  ) {
    self.opset = opset
    self.inputs = inputs
    self.outputs = outputs
    self.inputTypes = inputTypes
    self.outputTypes = outputTypes
    self.constants = constants
  }

  /// The positions that stay of an axis of an input, or nil when all do.
  public func kept(input: Int, axis: Int) -> [Int]? { inputs.indices.contains(input) ? inputs[input]?[axis] : nil }
  /// The positions that stay of an axis of an output, or nil when all do.
  public func kept(output: Int, axis: Int) -> [Int]? { outputs.indices.contains(output) ? outputs[output]?[axis] : nil }
  /// The list of positions that an input holds as a constant of the model.
  public func positions(_ index: Int) -> [Int]? { constants.indices.contains(index) ? constants[index] : nil }
  /// The type of an input before the cut.
  public func input(_ index: Int) -> ValueType? { inputTypes.indices.contains(index) ? inputTypes[index] : nil }
  /// The type of an output before the cut.
  public func output(_ index: Int) -> ValueType? { outputTypes.indices.contains(index) ? outputTypes[index] : nil }
}

/// What a node becomes after a cut.
public struct Resized: Sendable {
  /// The node with its attributes fixed.
  public var node: Node
  /// New elements of small integer inputs, by input: shapes, sizes of parts. Nil leaves an element as the graph computes it.
  public var constants: [Int: [Int?]]

  /// Without constants the node's inputs stay as the cut left them.
  public init(_ node: Node, constants: [Int: [Int?]] = [:]) {
    self.node = node
    self.constants = constants
  }
}
