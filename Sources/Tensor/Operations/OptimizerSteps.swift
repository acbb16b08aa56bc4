import CKernels
import Glibc
import Support

/// The arithmetic of optimizers: f32 in one pass over memory, other floats as a composition.
extension Tensor {
  /// One step of gradient descent: d = g + decay w; v = momentum v + d; w - rate v (with Nesterov's look ahead,
  /// w - rate (d + momentum v)). Memory that nothing else refers to is written over.
  ///
  /// - Shapes: all the same. In the first step `velocity` is nil and v is d; it stays nil where `momentum` is 0.
  /// - Reference: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning".
  public static func sgdStep(
    _ w: inout Tensor, gradient g: Tensor, velocity: inout Tensor?, rate: Double, momentum: Double = 0, decay: Double = 0,
    nesterov: Bool = false
  ) throws {
    try checkStep("sgd", w, g, velocity)
    guard w.dtype == .f32 else {
      let d = decay == 0 ? g : try g + w * decay
      velocity = momentum == 0 ? nil : try velocity.map { try $0 * momentum + d } ?? d
      let v = velocity ?? d
      w = try w - (nesterov ? d + v * momentum : v) * rate
      return
    }
    Compute.prepareLibraries()
    let g = try g.contiguous()
    let next = try w.overwritable(), nextVelocity = momentum == 0 ? nil : try overwritable(&velocity, like: w)
    let options = pare_sgd(rate: Float(rate), momentum: Float(momentum), decay: Float(decay), nesterov: nesterov ? 1 : 0)
    withExtendedLifetime((w, g, velocity)) {
      pare_sgd_step(
        w.pointer(Float.self), g.pointer(Float.self), velocity?.pointer(Float.self), next.pointer(Float.self),
        nextVelocity?.pointer(Float.self), w.count, options, Int32(truncatingIfNeeded: Compute.threads))
    }
    (w, velocity) = (next, nextVelocity)
  }

  /// What `adamStep` is told beside the tensors.
  public struct AdamOptions: Sendable {
    /// The learning rate: the length of a step.
    public var rate: Double
    /// Added to the gradient, times the value (Adam).
    public var decay = 0.0
    /// The share, times the rate, that is taken off the value (AdamW).
    public var decoupledDecay = 0.0
    /// The share of the first and of the second moment that a step keeps.
    public var betas = (0.9, 0.999)
    /// Added to the corrected root of the second moment, by which the step is divided.
    public var epsilon = 1e-8

    /// Options of Adam without decay, with the betas and epsilon that Kingma and Ba recommend.
    public init(rate: Double) { self.rate = rate }
  }

  /// What Adam remembers of a parameter between steps.
  public typealias Moments = (first: Tensor, second: Tensor)

  /// One step of Adam or AdamW. Memory that nothing else refers to is written over.
  ///
  /// - Shapes: all the same.
  /// - Parameters:
  ///   - moments: the first and second, both nil in the first step.
  ///   - step: the number of this step, from 1, for the correction of the moments.
  /// - Reference: Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2.
  public static func adamStep(
    _ w: inout Tensor, gradient g: Tensor, first m: inout Tensor?, second v: inout Tensor?, step: Int, _ options: AdamOptions
  ) throws {
    try checkStep("adam", w, g, m)
    try checkStep("adam", w, g, v)
    let (beta1, beta2) = options.betas
    let scale = options.rate / (1 - Glibc.pow(beta1, Double(step)))
    let correction = (1 - Glibc.pow(beta2, Double(step))).squareRoot()
    let shrink = 1 - options.rate * options.decoupledDecay
    guard w.dtype == .f32 else {
      let d = options.decay == 0 ? g : try g + w * options.decay
      var first = try d * (1 - beta1), second = try d * d * (1 - beta2)
      if let m, let v {
        first = try m * beta1 + first
        second = try v * beta2 + second
      }
      w = try w * shrink - first / (second.sqrt() / correction + options.epsilon) * scale
      (m, v) = (first, second)
      return
    }
    Compute.prepareLibraries()
    let g = try g.contiguous()
    let next = try w.overwritable(), first = try overwritable(&m, like: w), second = try overwritable(&v, like: w)
    let arithmetic = pare_adam(
      rate: Float(scale), shrink: Float(shrink), decay: Float(options.decay), beta1: Float(beta1), beta2: Float(beta2),
      epsilon: Float(options.epsilon), correction: Float(correction))
    withExtendedLifetime((w, g, m, v)) {
      pare_adam_step(
        w.pointer(Float.self), g.pointer(Float.self), m?.pointer(Float.self), v?.pointer(Float.self),
        next.pointer(Float.self), first.pointer(Float.self), second.pointer(Float.self), w.count, arithmetic,
        Int32(truncatingIfNeeded: Compute.threads))
    }
    (w, m, v) = (next, first, second)
  }

  /// Where a result goes that may overwrite this operand: its own memory when nothing else refers to it, else new memory.
  private mutating func overwritable() throws -> Tensor {
    if isTracked || !isContiguous { self = try detached().contiguous() }
    return isAlone() ? self : try Tensor.empty(shape, dtype)
  }

  private static func overwritable(_ memory: inout Tensor?, like w: Tensor) throws -> Tensor {
    guard var kept = memory.take() else { return try Tensor.empty(w.shape, w.dtype) }
    defer { memory = kept }
    return try kept.overwritable()
  }

  private static func checkStep(_ op: String, _ w: Tensor, _ g: Tensor, _ memory: Tensor?) throws {
    for other in [g, memory].compactMap({ $0 }) where other.shape != w.shape || other.dtype != w.dtype {
      throw PareError(
        .shape, "[\(op)] value \(w.shape) of \(w.dtype) and \(other.shape) of \(other.dtype)",
        expected: "one shape and one dtype", op: op)
    }
  }
}
