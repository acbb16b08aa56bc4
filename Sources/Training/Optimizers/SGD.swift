import Support
import Tensor

/// Stochastic gradient descent with momentum, as `torch.optim.SGD` without dampening.
///
/// - Reference: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".
public struct SGD: Optimizer {
  public static let name = "sgd"
  public var learningRate: Double
  public var momentum: Double
  /// Looks ahead along the momentum.
  public var nesterov: Bool
  /// Added to the gradient, times the value.
  public var weightDecay: Double
  public var state = OptimizerState()

  public init(learningRate: Double = 0.05, momentum: Double = 0, nesterov: Bool = false, weightDecay: Double = 0) {
    self.learningRate = learningRate
    self.momentum = momentum
    self.nesterov = nesterov
    self.weightDecay = weightDecay
  }

  public mutating func updated(_ name: String, _ value: Tensor, gradient: Tensor) throws -> Tensor {
    let (next, velocity) = try Tensor.sgdStep(
      value, gradient: gradient, velocity: state.value("momentum", name, like: value), rate: learningRate,
      momentum: momentum, decay: weightDecay, nesterov: nesterov)
    if let velocity { state.slots["momentum", default: [:]][name] = velocity }
    state.steps[name, default: 0] += 1
    return next
  }
}
