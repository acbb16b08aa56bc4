import CKernels
import Glibc
import Support

/// The arithmetic of optimizers: f32 in one pass over memory, other floats as a composition.
extension Tensor {
  /// One step of gradient descent: d = g + decay w; v = momentum v + d; w - rate v (with Nesterov's look ahead,
  /// w - rate (d + momentum v)).
  ///
  /// - Shapes: all the same. In the first step `velocity` is nil and v is d.
  /// - Returns: the next values, and the velocity unless `momentum` is 0.
  /// - Reference: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".
  public static func sgdStep(
    _ w: Tensor, gradient g: Tensor, velocity: Tensor?, rate: Double, momentum: Double = 0, decay: Double = 0,
    nesterov: Bool = false
  ) throws -> (value: Tensor, velocity: Tensor?) {
    try checkStep("sgd", w, g, velocity)
    guard w.dtype == .f32 else {
      let d = decay == 0 ? g : try g + w * decay
      guard momentum != 0 else { return (try w - d * rate, nil) }
      let v = try velocity.map { try $0 * momentum + d } ?? d
      return (try w - (nesterov ? d + v * momentum : v) * rate, v)
    }
    Compute.prepareLibraries()
    let (w, g) = (try w.contiguous(), try g.contiguous())
    let velocity = momentum == 0 ? nil : try velocity?.contiguous()
    let next = try Tensor.empty(w.shape, .f32), nextVelocity = momentum == 0 ? nil : try Tensor.empty(w.shape, .f32)
    let options = pare_sgd(rate: Float(rate), momentum: Float(momentum), decay: Float(decay), nesterov: nesterov ? 1 : 0)
    withExtendedLifetime((w, g, velocity)) {
      pare_sgd_step(
        w.pointer(Float.self), g.pointer(Float.self), velocity?.pointer(Float.self), next.pointer(Float.self),
        nextVelocity?.pointer(Float.self), w.count, options, Int32(truncatingIfNeeded: Compute.threads))
    }
    return (next, nextVelocity)
  }

  /// What `adamStep` is told beside the tensors.
  public struct AdamOptions: Sendable {
    public var rate: Double
    /// Added to the gradient, times the value (Adam).
    public var decay = 0.0
    /// The share, times the rate, that is taken off the value (AdamW).
    public var decoupledDecay = 0.0
    public var betas = (0.9, 0.999)
    public var epsilon = 1e-8

    public init(rate: Double) { self.rate = rate }
  }

  /// One step of Adam or AdamW.
  ///
  /// - Shapes: all the same.
  /// - Parameters:
  ///   - moments: the first and second, nil in the first step.
  ///   - step: the number of this step, from 1, for the correction of the moments.
  /// - Reference: Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2.
  public static func adamStep(
    _ w: Tensor, gradient g: Tensor, moments: (first: Tensor, second: Tensor)?, step: Int, _ options: AdamOptions
  ) throws -> (value: Tensor, first: Tensor, second: Tensor) {
    try checkStep("adam", w, g, moments?.first)
    try checkStep("adam", w, g, moments?.second)
    let (beta1, beta2) = options.betas
    let scale = options.rate / (1 - Glibc.pow(beta1, Double(step)))
    let correction = (1 - Glibc.pow(beta2, Double(step))).squareRoot()
    let shrink = 1 - options.rate * options.decoupledDecay
    guard w.dtype == .f32 else {
      let d = options.decay == 0 ? g : try g + w * options.decay
      var first = try d * (1 - beta1), second = try d * d * (1 - beta2)
      if let moments {
        first = try moments.first * beta1 + first
        second = try moments.second * beta2 + second
      }
      return (try w * shrink - first / (second.sqrt() / correction + options.epsilon) * scale, first, second)
    }
    Compute.prepareLibraries()
    let (w, g) = (try w.contiguous(), try g.contiguous())
    let (m, v) = (try moments?.first.contiguous(), try moments?.second.contiguous())
    let next = try Tensor.empty(w.shape, .f32)
    let first = try Tensor.empty(w.shape, .f32), second = try Tensor.empty(w.shape, .f32)
    let arithmetic = pare_adam(
      rate: Float(scale), shrink: Float(shrink), decay: Float(options.decay), beta1: Float(beta1), beta2: Float(beta2),
      epsilon: Float(options.epsilon), correction: Float(correction))
    withExtendedLifetime((w, g, m, v)) {
      pare_adam_step(
        w.pointer(Float.self), g.pointer(Float.self), m?.pointer(Float.self), v?.pointer(Float.self),
        next.pointer(Float.self), first.pointer(Float.self), second.pointer(Float.self), w.count, arithmetic,
        Int32(truncatingIfNeeded: Compute.threads))
    }
    return (next, first, second)
  }

  private static func checkStep(_ op: String, _ w: Tensor, _ g: Tensor, _ memory: Tensor?) throws {
    for other in [g, memory].compactMap({ $0 }) where other.shape != w.shape || other.dtype != w.dtype {
      throw PareError(
        .shape, "[\(op)] value \(w.shape) of \(w.dtype) and \(other.shape) of \(other.dtype)",
        expected: "one shape and one dtype", op: op)
    }
  }
}
