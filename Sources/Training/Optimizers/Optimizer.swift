import Graph
import OrderedCollections
import Support
import Tensor

/// A rule that turns parameters and their gradients into the next parameters. A value: a copy goes its own way.
///
/// Conformers follow PyTorch's optimizers of the same name; the arithmetic is f32, coefficients are f64.
public protocol Optimizer: Sendable {
  /// The name in scripts: "sgd", "adam", "adamw".
  static var name: String { get }
  /// What the next step is scaled by.
  var learningRate: Double { get set }
  /// What the optimizer remembers between steps.
  var state: OptimizerState { get set }
  /// Moves one parameter, and remembers what the step after that needs.
  ///
  /// - Parameters:
  ///   - name: the parameter; memory is kept by it.
  ///   - value: its value, not tracked; written over in place where nothing else refers to its memory.
  ///   - gradient: of the loss, the value's shape.
  mutating func update(_ name: String, _ value: inout Tensor, gradient: Tensor) throws
}

/// What an optimizer remembers: for each parameter how often it was stepped, and tensors of its shape by slot name.
public struct OptimizerState: Sendable {
  /// By parameter, how often it was moved.
  public var steps: [String: Int] = [:]
  /// Slot ("momentum"), then parameter.
  public var slots: [String: [String: Tensor]] = [:]

  /// The state before the first step.
  public init() {}

  /// Takes out what `slot` holds for a parameter, to be put back: nil at first, and when the parameter has another shape by now.
  mutating func take(_ slot: String, _ name: String, like value: Tensor) -> Tensor? {
    guard let kept = slots[slot]?.removeValue(forKey: name), kept.shape == value.shape else { return nil }
    return kept
  }
}

extension Optimizer {
  /// The name of the type, for a value.
  public var name: String { Self.name }

  /// Returns the next values of the parameters that have a gradient; the others unchanged.
  ///
  /// - Throws: `PareError.shape` naming a parameter whose gradient has another shape.
  public mutating func step(_ parameters: [String: Tensor], _ gradients: [String: Tensor]) throws -> [String: Tensor] {
    var next = parameters
    try step(inPlace: &next, gradients)
    return next
  }

  /// Moves the parameters that have a gradient, in their own memory where nothing else refers to it.
  ///
  /// - Throws: what `step(_:_:)` throws for gradients that do not fit, before anything has moved.
  public mutating func step(inPlace parameters: inout [String: Tensor], _ gradients: [String: Tensor]) throws {
    for name in gradients.keys.sorted() {
      guard let value = parameters[name], let gradient = gradients[name] else {
        throw PareError(
          .notFound, "gradient of '\(name)', which is no parameter", argument: name,
          suggestion: Suggestion.didYouMean(name, among: parameters.keys))
      }
      guard gradient.shape == value.shape else {
        throw PareError(
          .shape, "gradient of '\(name)'", argument: name, expected: "\(value.shape.dimensions)",
          got: "\(gradient.shape.dimensions)")
      }
    }
    for (name, gradient) in gradients.sorted(by: { $0.key < $1.key }) {
      guard let index = parameters.index(forKey: name) else { continue }
      if parameters.values[index].isTracked { parameters.values[index] = parameters.values[index].detached() }
      try update(name, &parameters.values[index], gradient: gradient.detached())
    }
  }

  /// Returns `model` after one step along `gradients`, by parameter name; representations stay what they are.
  public mutating func step(_ model: Model, _ gradients: [String: Tensor]) throws -> Model {
    var model = model
    for name in gradients.keys.sorted() {
      var parameter = try model.parameter(named: name)
      let next = try step([name: parameter.value.trainable()], [name: gradients[name]].compactMapValues { $0 })
      if let leaf = next[name] { parameter.value = try parameter.value.updated(from: leaf) }
      model.parameters[name] = parameter
    }
    return model
  }
}

/// The optimizers by name.
public enum Optimizers {
  /// The names, in the order in which help lists them.
  public static let names = [SGD.name, Adam.name, AdamW.name]

  /// Creates an optimizer by name.
  ///
  /// - Parameters:
  ///   - learningRate: nil takes the default, 0.05 for sgd and 0.001 for adam and adamw.
  ///   - momentum, nesterov: of sgd; the others ignore them.
  /// - Throws: `PareError.notFound` for an unknown name, `.argument` for a value out of range.
  public static func make(
    _ name: String, learningRate: Double? = nil, momentum: Double = 0.9, nesterov: Bool = false, weightDecay: Double = 0
  ) throws -> any Optimizer {
    func check(_ argument: String, _ value: Double, _ range: PartialRangeFrom<Double>) throws {
      guard value.isFinite, range.contains(value) else {
        throw PareError(.argument, "optimizer \(name)", argument: argument, expected: "0 or more", got: "\(value)")
      }
    }
    if let learningRate { try check("lr", learningRate, 0...) }
    try check("momentum", momentum, 0...)
    try check("weight_decay", weightDecay, 0...)
    switch name {
    case SGD.name:
      guard !nesterov || momentum > 0 else {
        throw PareError(.argument, "optimizer sgd", argument: "nesterov", expected: "a momentum above 0", got: "\(momentum)")
      }
      return SGD(
        learningRate: learningRate ?? 0.05, momentum: momentum, nesterov: nesterov, weightDecay: weightDecay)
    case Adam.name: return Adam(learningRate: learningRate ?? 0.001, weightDecay: weightDecay)
    case AdamW.name: return AdamW(learningRate: learningRate ?? 0.001, weightDecay: weightDecay)
    default:
      throw PareError(
        .notFound, "no optimizer '\(name)'", argument: "optimizer", expected: names.joined(separator: ", "), got: name,
        suggestion: Suggestion.didYouMean(name, among: names))
    }
  }
}

/// Bounds the gradients of a step.
enum GradientClipping {
  /// Returns the gradients scaled so that the norm of all of them together is at most `limit`.
  ///
  /// - Reference: Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", algorithm 1.
  static func clipped(_ gradients: [String: Tensor], norm limit: Double) throws -> [String: Tensor] {
    var sum = 0.0
    for name in gradients.keys.sorted() {
      if let gradient = gradients[name] { sum += try (gradient * gradient).sum().item() }
    }
    let norm = sum.squareRoot()
    guard norm > limit else { return gradients }
    // PyTorch adds the same 1e-6.
    return try gradients.mapValues { try $0 * (limit / (norm + 1e-6)) }
  }
}
