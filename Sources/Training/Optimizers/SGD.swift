import Support
import Tensor

/// Stochastic gradient descent with momentum, as `torch.optim.SGD` without dampening.
///
/// - Reference: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".
public struct SGD: Optimizer {
  public static let name = "sgd"
  public var learningRate: Double
  /// The share of the last step's direction that stays; 0: none, and no direction is kept.
  public var momentum: Double
  /// Looks ahead along the momentum.
  public var nesterov: Bool
  /// Added to the gradient, times the value.
  public var weightDecay: Double
  public var state = OptimizerState()

  /// Plain gradient descent unless a momentum is given.
  public init(learningRate: Double = 0.05, momentum: Double = 0, nesterov: Bool = false, weightDecay: Double = 0) {
    self.learningRate = learningRate
    self.momentum = momentum
    self.nesterov = nesterov
    self.weightDecay = weightDecay
  }

  /// Keeps the direction in the slot "momentum".
  ///
  /// - Throws: `PareError.shape` for a gradient of another shape or dtype.
  public mutating func update(_ name: String, _ value: inout Tensor, gradient: Tensor) throws {
    var velocity = state.take("momentum", name, like: value)
    defer { if let velocity { state.slots["momentum", default: [:]][name] = velocity } }
    try Tensor.sgdStep(
      &value, gradient: gradient, velocity: &velocity, rate: learningRate, momentum: momentum, decay: weightDecay,
      nesterov: nesterov)
    state.steps[name, default: 0] += 1
  }
}
