import Glibc
import Support
import Tensor

/// Adam, as `torch.optim.Adam`; weight decay is added to the gradient.
///
/// - Reference: Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.
public struct Adam: Optimizer {
  public static let name = "adam"
  public var learningRate: Double
  public var weightDecay: Double
  /// Decay of the first and second moment.
  public var betas = (0.9, 0.999)
  public var epsilon = 1e-8
  public var state = OptimizerState()

  public init(learningRate: Double = 0.001, weightDecay: Double = 0) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  public mutating func updated(_ name: String, _ value: Tensor, gradient: Tensor) throws -> Tensor {
    let gradient = weightDecay == 0 ? gradient : try gradient + value * weightDecay
    return try state.adamStep(name, value, gradient, learningRate, betas, epsilon)
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
  public var epsilon = 1e-8
  public var state = OptimizerState()

  public init(learningRate: Double = 0.001, weightDecay: Double = 0) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  public mutating func updated(_ name: String, _ value: Tensor, gradient: Tensor) throws -> Tensor {
    let value = weightDecay == 0 ? value : try value * (1 - learningRate * weightDecay)
    return try state.adamStep(name, value, gradient, learningRate, betas, epsilon)
  }
}

extension OptimizerState {
  /// The step that Adam and AdamW share: moments, their bias correction, and the move.
  fileprivate mutating func adamStep(
    _ name: String, _ value: Tensor, _ gradient: Tensor, _ learningRate: Double, _ betas: (Double, Double),
    _ epsilon: Double
  ) throws -> Tensor {
    var step = 1
    var first = try gradient * (1 - betas.0)
    var second = try gradient * gradient * (1 - betas.1)
    if let m = self.value("first", name, like: value), let v = self.value("second", name, like: value) {
      first = try m * betas.0 + first
      second = try v * betas.1 + second
      step = steps[name, default: 0] + 1
    }
    steps[name] = step
    slots["first", default: [:]][name] = first
    slots["second", default: [:]][name] = second
    let scale = learningRate / (1 - pow(betas.0, Double(step)))
    let correction = (1 - pow(betas.1, Double(step))).squareRoot()
    return try value - first / (second.sqrt() / correction + epsilon) * scale
  }
}
