import Support

/// Activations of each element, under the names of ONNX and PyTorch. Each keeps the layout of its input.
///
/// Those whose composition would overflow, lose digits or pass over the data many times are single nodes of the tape with
/// gradients of their own; the others are compositions.
extension Tensor {
  /// How `gelu` is computed.
  public enum GeluForm: String, Sendable, CaseIterable {
    /// By the error function.
    case none
    /// By the tanh approximation.
    case tanh
  }

  /// The Gaussian error linear unit (Hendrycks and Gimpel 2016, arXiv:1606.08415): x times the normal distribution's
  /// probability of less than x; or x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
  public func gelu(_ form: GeluForm = .none) throws -> Tensor {
    switch form {
    case .none:
      try activated(.gelu, "gelu", .geluGradient) { x in
        let chance = try ((x * 0.5.squareRoot()).erf() + 1) * 0.5
        return try chance + x * (x.square() * -0.5).exp() / (2 * Double.pi).squareRoot()
      }
    case .tanh:
      try activated(.geluTanh, "gelu", .geluTanhGradient) { x in
        let c = (2 / Double.pi).squareRoot()
        let t = try ((x + x.pow(3) * 0.044715) * c).tanh()
        return try (t + 1) * 0.5 + x * (1 - t.square()) * ((x.square() * (3 * 0.044715) + 1) * (c / 2))
      }
    }
  }

  /// x sigmoid(x) (Hendrycks and Gimpel 2016; "swish" in Ramachandran et al. 2017, arXiv:1710.05941).
  public func silu() throws -> Tensor {
    try activated(.silu, "silu", .siluGradient) { x in
      let s = try x.sigmoid()
      return try s + x * s * (1 - s)
    }
  }

  /// x tanh(log(1 + exp(x))) (Misra 2019, arXiv:1908.08681).
  public func mish() throws -> Tensor {
    try activated(.mish, "mish", .mishGradient) { x in
      let t = try x.softplus().tanh()
      return try t + x * x.sigmoid() * (1 - t.square())
    }
  }

  /// A function whose gradient is a kernel too; `slope` is its derivative as a composition, for recorded passes.
  private func activated(
    _ op: UnaryOperation, _ name: StaticString, _ gradient: BinaryOperation,
    slope: @escaping @Sendable (_ x: Tensor) throws -> Tensor
  ) throws -> Tensor {
    let x = detached()
    let y = try Compute.backend.unary(op, x)
    guard records else { return y }
    return y.recorded(name, self, repeatable: true) { g, pullback in
      guard pullback.createsGraph else {
        return try pullback.add(0, Compute.backend.binary(gradient, g, x, g.shape))
      }
      let x = pullback.input(0, x)
      try pullback.add(0, g * slope(x))
    }
  }

  /// log(1 + exp(beta x)) / beta, without overflow and precise for negative x; x itself where beta x is above `threshold`.
  public func softplus(beta: Double = 1, threshold: Double = .infinity) throws -> Tensor {
    guard beta.isFinite, beta != 0, !threshold.isNaN else {
      throw PareError(.argument, "[softplus] beta \(beta)", argument: "beta", expected: "a number but 0", op: "softplus")
    }
    let scaled = beta == 1 ? self : try self * beta
    var y = try scaled.mapped(.softplus, "softplus") { g, x in try g * x.sigmoid() }
    if beta != 1 { y = try y / beta }
    if threshold == .infinity { return y }
    return try Tensor.where(scaled.detached().gt(threshold), self, y)
  }

  /// log(sigmoid(x)), without overflow.
  public func logSigmoid() throws -> Tensor { try -(-self).softplus() }

  /// x above 0, slope x below.
  public func leakyRelu(_ slope: Double = 0.01) throws -> Tensor {
    slope >= 0 && slope <= 1
      ? try Tensor.where(detached().gt(0), self, self * slope)
      : try relu() - (-self).relu() * slope
  }

  /// Leaky ReLU with learned slopes (He et al. 2015, arXiv:1502.01852); gradients for x and slopes.
  /// - Parameter slope: broadcast to this tensor; of one axis and more than one element it is one per channel (axis 1),
  ///   as in PyTorch.
  public func prelu(_ slope: Tensor) throws -> Tensor {
    var slope = slope
    if slope.rank == 1, slope.count > 1, rank >= 2 {
      guard slope.count == shape.dims[1] else {
        throw PareError(.shape, "[prelu] input \(shape) and slopes \(slope.shape)", argument: "slope", expected: "[\(shape.dims[1])]", op: "prelu")
      }
      slope = try slope.reshaped(ReferenceBackend.column(self))
    }
    guard try Tensor.operands("prelu", self, slope) == shape else {
      throw PareError(.shape, "[prelu] slopes \(slope.shape) do not broadcast to input \(shape)", argument: "slope", op: "prelu")
    }
    return try Tensor.where(detached().gt(0), self, self * slope)
  }

  /// min(max(x, 0), 6).
  public func relu6() throws -> Tensor { try hardtanh(min: 0, max: 6) }

  /// Limits to min...max; the gradient is 0 at and beyond the bounds.
  public func hardtanh(min lower: Double = -1, max upper: Double = 1) throws -> Tensor {
    guard lower < upper else {
      throw PareError(.argument, "[hardtanh] \(lower)...\(upper)", expected: "min below max", op: "hardtanh")
    }
    let inside = try detached().gt(lower).and(detached().lt(upper))
    return try Tensor.where(inside, self, detached().clip(min: lower, max: upper))
  }

  /// x above 0, alpha (exp(x) - 1) below (Clevert et al. 2016, arXiv:1511.07289).
  public func elu(alpha: Double = 1) throws -> Tensor { try exponential(alpha, 1) }

  /// gamma (x above 0, alpha (exp(x) - 1) below), which keeps mean 0 and variance 1 (Klambauer et al. 2017,
  /// arXiv:1706.02515).
  public func selu(alpha: Double = 1.6732632423543772, gamma: Double = 1.0507009873554805) throws -> Tensor {
    try exponential(alpha, 1) * gamma
  }

  /// max(x, 0) + min(alpha (exp(x / alpha) - 1), 0), whose slope is continuous for every alpha (Barron 2017,
  /// arXiv:1704.07483).
  public func celu(alpha: Double = 1) throws -> Tensor {
    guard alpha.isFinite, alpha != 0 else {
      throw PareError(.argument, "[celu] alpha \(alpha)", argument: "alpha", expected: "a number but 0", op: "celu")
    }
    return try exponential(alpha, 1 / alpha)
  }

  /// x above 0, alpha (exp(scale x) - 1) below; the exponential never sees what is above, so that it cannot overflow.
  private func exponential(_ alpha: Double, _ scale: Double) throws -> Tensor {
    let above = try detached().gt(0)
    let below = try Tensor.where(above, Tensor.scalar(0, dtype), self)
    return try Tensor.where(above, self, (scale == 1 ? below : below * scale).expm1() * alpha)
  }

  /// max(0, min(1, alpha x + beta)). ONNX's defaults; PyTorch has alpha 1/6.
  public func hardSigmoid(alpha: Double = 0.2, beta: Double = 0.5) throws -> Tensor {
    try (self * alpha + beta).hardtanh(min: 0, max: 1)
  }

  /// x max(0, min(1, x/6 + 1/2)) (Howard et al. 2019, arXiv:1905.02244).
  public func hardSwish() throws -> Tensor { try self * hardSigmoid(alpha: 1.0 / 6, beta: 0.5) }

  /// x / (1 + |x|).
  public func softsign() throws -> Tensor { try self / (abs() + 1) }

  /// x above `threshold`, `value` elsewhere.
  public func thresholded(_ threshold: Double, value: Double) throws -> Tensor {
    try Tensor.where(detached().gt(threshold), self, Tensor.scalar(value, dtype))
  }

  /// x above `alpha`, 0 elsewhere (ONNX ThresholdedRelu).
  public func thresholdedRelu(alpha: Double = 1) throws -> Tensor { try thresholded(alpha, value: 0) }

  /// 0 where |x| <= lambda, x elsewhere.
  public func hardShrink(_ lambda: Double = 0.5) throws -> Tensor {
    let small = try detached().abs().le(Tensor.bound(lambda, "hardShrink"))
    return try Tensor.where(small, Tensor.scalar(0, dtype), self)
  }

  /// 0 where |x| <= lambda, elsewhere x moved by lambda toward 0.
  public func softShrink(_ lambda: Double = 0.5) throws -> Tensor {
    let bound = try Tensor.bound(lambda, "softShrink")
    return try (self - bound).relu() - (-self - bound).relu()
  }

  private static func bound(_ lambda: Double, _ op: String) throws -> Double {
    guard lambda >= 0 else {
      throw PareError(.argument, "[\(op)] lambda \(lambda)", argument: "lambda", expected: "a number from 0", op: op)
    }
    return lambda
  }

  /// The gated linear unit (Dauphin et al. 2017, arXiv:1612.08083): halves an axis, a sigmoid(b).
  /// - Throws: `shape` if the axis is odd.
  public func glu(axis: Int = -1) throws -> Tensor {
    let axis = try shape.axis(axis, "glu")
    let half = shape.dims[axis] / 2
    guard shape.dims[axis] % 2 == 0 else {
      throw PareError(.shape, "[glu] axis \(axis) of shape \(shape) is odd", expected: "an even size", op: "glu")
    }
    return try slice(axis: axis, to: half) * slice(axis: axis, from: half).sigmoid()
  }

  /// softmax(-x).
  public func softmin(axis: Int = -1) throws -> Tensor { try (-self).softmax(axis: axis) }
}
