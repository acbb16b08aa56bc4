import Support
import Tensor

/// Adam, as `torch.optim.Adam`; weight decay is added to the gradient.
///
/// - Reference: Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.
public struct Adam: Optimizer {
  public static let name = "adam"
  public var learningRate: Double
  /// Added to the gradient, times the value.
  public var weightDecay: Double
  /// Decay of the first and second moment.
  public var betas = (0.9, 0.999)
  /// What is added to the root of the second moment, against division by 0.
  public var epsilon = 1e-8
  public var state = OptimizerState()

  /// Adam with betas 0.9 and 0.999 and an epsilon of 1e-8.
  public init(learningRate: Double = 0.001, weightDecay: Double = 0) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  /// Keeps the moments in the slots "first" and "second"; both start at 0 when the value's shape has changed.
  ///
  /// - Throws: `PareError.shape` for a gradient of another shape or dtype.
  public mutating func update(_ name: String, _ value: inout Tensor, gradient: Tensor) throws {
    var options = Tensor.AdamOptions(rate: learningRate)
    (options.decay, options.betas, options.epsilon) = (weightDecay, betas, epsilon)
    try state.adamStep(name, &value, gradient, options)
  }
}

/// Adam with weight decay apart from the gradient, as `torch.optim.AdamW`.
///
/// - Reference: Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2.
public struct AdamW: Optimizer {
  public static let name = "adamw"
  public var learningRate: Double
  /// The share of each value, times the learning rate, that is taken off in each step.
  public var weightDecay: Double
  /// Decay of the first and second moment.
  public var betas = (0.9, 0.999)
  /// What is added to the root of the second moment, against division by 0.
  public var epsilon = 1e-8
  public var state = OptimizerState()

  /// AdamW with betas 0.9 and 0.999 and an epsilon of 1e-8.
  public init(learningRate: Double = 0.001, weightDecay: Double = 0) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  /// Keeps the moments in the slots "first" and "second"; both start at 0 when the value's shape has changed.
  ///
  /// - Throws: `PareError.shape` for a gradient of another shape or dtype.
  public mutating func update(_ name: String, _ value: inout Tensor, gradient: Tensor) throws {
    var options = Tensor.AdamOptions(rate: learningRate)
    (options.decoupledDecay, options.betas, options.epsilon) = (weightDecay, betas, epsilon)
    try state.adamStep(name, &value, gradient, options)
  }
}

extension OptimizerState {
  /// The step that Adam and AdamW share, with the moments that are kept by name.
  fileprivate mutating func adamStep(
    _ name: String, _ value: inout Tensor, _ gradient: Tensor, _ options: Tensor.AdamOptions
  ) throws {
    var first = take("first", name, like: value), second = take("second", name, like: value)
    if first == nil || second == nil { (first, second) = (nil, nil) }
    defer {
      if let first { slots["first", default: [:]][name] = first }
      if let second { slots["second", default: [:]][name] = second }
    }
    let step = first == nil ? 1 : steps[name, default: 0] + 1
    try Tensor.adamStep(&value, gradient: gradient, first: &first, second: &second, step: step, options)
    steps[name] = step
  }
}
