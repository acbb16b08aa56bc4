import Support
import Tensor

/// One ONNX operator: everything that Pare knows of it, in one file.
///
/// A conformer writes `infer`, `forward` and, where channels may travel through, `channels`; what is left out refuses
/// or counts nothing. Gradients come through the tape of the tensor operations that `forward` uses.
public protocol Operator: Sendable {
  /// ONNX's name.
  static var name: String { get }
  /// "" is ONNX's own domain.
  static var domain: String { get }
  /// Takes nothing: what differs between nodes of one operator is in the node.
  init()

  /// The float type that the operator computes in while a model runs in mixed precision. Default: f32.
  var precision: PrecisionPolicy { get }

  /// How many inputs the operator takes, absent optional ones included.
  var arity: ClosedRange<Int> { get }

  /// Returns the types of the outputs; an unknown size or rank stays unknown, what cannot fit is an error.
  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType]

  /// What `forward` does along with its own work when `context.epilogue` asks for it. The default is nothing.
  var fuses: Epilogue.Kinds { get }

  /// Computes the outputs (as many as the node names; further ones may be left out).
  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor]

  /// Multiply-accumulates at the given types; `weights[i]` are the stored elements of input `i` if it is a parameter.
  func macs(_ node: Node, _ inputs: [ValueType?], _ outputs: [ValueType], weights: [Int?]) throws -> Int

  /// Declares how channels travel: which positions of which axes must be removed together. The default blocks all.
  func channels(_ node: Node, _ flow: inout ChannelFlow) throws

  /// Returns the node with attributes and shape constants fixed after a cut; `cut` knows what stays.
  func resized(_ node: Node, _ cut: CutContext) throws -> Resized
}

extension Operator {
  /// Default: ONNX's own.
  public static var domain: String { "" }
  /// Default: one.
  public var arity: ClosedRange<Int> { 1...1 }
  public var fuses: Epilogue.Kinds { [] }
  public var precision: PrecisionPolicy { .full }
  /// Default: 0.
  public func macs(_ node: Node, _ inputs: [ValueType?], _ outputs: [ValueType], weights: [Int?]) throws -> Int { 0 }
  /// Default: no position of any axis can be removed.
  public func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.blockAll("\(node.op) '\(node.name)' declares no channel flow")
  }
  /// Default: the node as it is.
  public func resized(_ node: Node, _ cut: CutContext) throws -> Resized { Resized(node) }
}

/// What an operator may ask of the model around it.
public struct OperatorContext: Sendable {
  /// The operator set of the model.
  public let opset: Int
  /// A context that knows the operator set only.
  public init(opset: Int) { self.opset = opset }
}

/// The state of one run that operators read and write.
public struct ExecutionContext: Sendable {
  /// The operator set of the model.
  public let opset: Int
  /// Whether batch statistics and dropout are in force.
  public let isTraining: Bool
  /// The seed of what is drawn in the run, such as dropout.
  public let seed: UInt64
  /// What the operator is to do along with its own work; only what it `fuses`.
  public var epilogue = Epilogue()
  /// New values of running statistics, by parameter name, reported by training-mode normalisation.
  public var statistics: [String: Tensor] = [:]

  /// The state at the beginning of a run: no epilogue, no statistics.
  public init(opset: Int, isTraining: Bool = false, seed: UInt64 = 0) {
    self.opset = opset
    self.isTraining = isTraining
    self.seed = seed
  }
}
