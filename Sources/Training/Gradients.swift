import Graph
import Support
import Tensor

/// A model whose parameters are tracked: what the loss of an own training loop is computed with.
public struct TrackedModel {
  /// The model that was tracked, as it was given.
  public let model: Model
  private let interpreter: Interpreter
  /// The leaves, by parameter name.
  let leaves: [String: Tensor]
  private let training: Bool
  private let seed: UInt64
  private let seen = SeenStatistics()

  /// Running statistics after the last run in training mode, by parameter name.
  public var statistics: [String: Tensor] { seen.values }

  /// Filled by runs. A reference, because a tracked model is handed around as a value.
  private final class SeenStatistics {
    var values: [String: Tensor] = [:]
  }

  init(_ model: Model, training: Bool, seed: UInt64) throws {
    self.model = model
    interpreter = try Interpreter(model)
    leaves = try model.trainableLeaves().mapValues { $0.tracked() }
    self.training = training
    self.seed = seed
  }

  /// Returns the output of a model of one input and one output.
  public func callAsFunction(_ x: Tensor) throws -> Tensor { try run([model.soleInput(): x]).output() }

  /// Runs the model on inputs by name; see `Interpreter.run`.
  public func run(_ inputs: [String: Tensor], taps: [String] = []) throws -> Execution {
    let execution = try interpreter.run(
      inputs, taps: taps, training: training, parameters: leaves.merging(seen.values) { leaf, _ in leaf }, seed: seed)
    seen.values.merge(execution.statistics) { _, new in new }
    return execution
  }

  /// Returns the tracked value of a parameter as the forward pass sees it, such as for a penalty on its size.
  ///
  /// - Throws: `PareError.notFound` with the nearest name.
  public func parameter(_ name: String) throws -> Tensor {
    let parameter = try model.parameter(named: name)
    guard let leaf = leaves[name] else { return try parameter.value.dense() }
    return try parameter.value.projected(leaf)
  }
}

/// Returns a loss and its gradient for each trainable parameter it depends on, by name.
///
/// - Parameters:
///   - training: whether normalizations use the batch's statistics and dropout is in force.
///   - loss: computes one number from the tracked model.
/// - Throws: `PareError.shape` if the loss is more than one number, `.argument` if no parameter is reached; what `loss`
///   throws.
public func gradients(
  of model: Model, training: Bool = false, seed: UInt64 = 0, loss: (TrackedModel) throws -> Tensor
) throws -> (loss: Tensor, gradients: [String: Tensor]) {
  let tracked = try TrackedModel(model, training: training, seed: seed)
  let value = try loss(tracked)
  return (value.detached(), try value.gradients(at: tracked.leaves))
}

extension Tensor {
  /// Returns the gradients of this loss, one number, at the leaves it depends on. Without `retainGraph` its history is of no
  /// further use.
  func gradients(at leaves: [String: Tensor], retainGraph: Bool = true) throws -> [String: Tensor] {
    guard count == 1 else {
      throw PareError(.shape, "loss", argument: "loss", expected: "one number", got: "shape \(shape.dimensions)")
    }
    guard isTracked else {
      throw PareError(
        .argument, "the loss does not depend on the model's parameters", argument: "loss",
        expected: "a tensor computed from the model's outputs", got: "a constant")
    }
    let gradients = try backward(retainGraph: retainGraph)
    return leaves.compactMapValues { gradients[$0] }
  }
}

extension Model {
  /// The start value of every floating parameter that training may change, by name.
  func trainableLeaves() throws -> [String: Tensor] {
    var leaves: [String: Tensor] = [:]
    for (name, parameter) in parameters where parameter.isTrainable {
      let leaf = try parameter.value.trainable()
      if leaf.dtype.isFloating { leaves[name] = leaf.detached() }
    }
    return leaves
  }
}
