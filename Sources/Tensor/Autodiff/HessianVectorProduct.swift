import Support

extension Tensor {
  /// How `hessianVectorProduct` differentiates the gradient.
  public enum SecondDerivative: Sendable {
    /// By a second backward pass through the recorded first one: exact to rounding. Refuses operations without it.
    case exact
    /// By central differences of gradients, (grad f(x + hv) - grad f(x - hv)) / 2h: the error falls with h^2 times the
    /// fourth derivative along v, and rounding adds about the dtype's epsilon times the gradient over h. h is the cube
    /// root of epsilon (6e-6 in f64, 5e-3 in f32) times (1 + |x|) / |v|, norms over all inputs: some ten digits in f64,
    /// four in f32, of functions as smooth as that.
    case differences
  }

  /// Returns the Hessian of `f` at `x` times `v`, without forming the Hessian (Pearlmutter 1994).
  ///
  /// - Parameters:
  ///   - f: a function of one tensor to one number, made of tensor operations.
  ///   - v: of the shape and dtype of `x`.
  /// - Returns: a tensor like `x`, untracked.
  /// - Throws: `unsupported` if `method` is `exact` and an operation of `f` has no second derivative here; `shape`, `dtype`.
  public static func hessianVectorProduct(
    of f: (Tensor) throws -> Tensor, at x: Tensor, _ v: Tensor, method: SecondDerivative = .exact
  ) throws -> Tensor {
    try hessianVectorProduct(of: { try f($0[0]) }, at: [x], [v], method: method)[0]
  }

  /// Returns the Hessian of a function of several tensors times one vector of all of them.
  public static func hessianVectorProduct(
    of f: ([Tensor]) throws -> Tensor, at x: [Tensor], _ v: [Tensor], method: SecondDerivative = .exact
  ) throws -> [Tensor] {
    guard x.count == v.count else {
      throw PareError(.argument, "[hessianVectorProduct] \(v.count) directions", argument: "v", expected: "\(x.count), one for each input")
    }
    for (x, v) in zip(x, v) {
      guard x.dtype.isFloating, v.dtype == x.dtype else {
        throw PareError(
          .dtype, "[hessianVectorProduct] inputs of \(x.dtype) and directions of \(v.dtype)", expected: "one float type")
      }
      guard x.shape == v.shape else {
        throw PareError(.shape, "[hessianVectorProduct] a direction's shape differs", argument: "v", expected: "\(x.shape)", got: "\(v.shape)")
      }
    }
    let v = v.map { $0.detached() }
    return try Tensor.withGradient { () throws -> [Tensor] in
      switch method {
      case .exact:
        let leaves = x.map { $0.detached().tracked() }
        let gradients = try f(leaves).backward(createGraph: true)
        let slopes = try zip(leaves, v).compactMap { leaf, v in try gradients[leaf].map { try ($0 * v).sum() } }
          .filter { $0.isTracked }
        // A function without curvature has gradients that depend on nothing.
        guard let first = slopes.first else { return try x.map { try Tensor.zeros($0.shape, $0.dtype) } }
        let second = try slopes.dropFirst().reduce(first) { try $0 + $1.converted(to: first.dtype) }.backward()
        return try leaves.map { try second[$0] ?? Tensor.zeros($0.shape, $0.dtype) }
      case .differences:
        let length = try length(v)
        guard length > 0 else { return try x.map { try Tensor.zeros($0.shape, $0.dtype) } }
        let epsilon = x.map { $0.dtype.epsilon }.max() ?? 0
        let step = try Double.power(epsilon, 1.0 / 3) * (1 + Tensor.length(x.map { $0.detached() })) / length
        func gradients(_ h: Double) throws -> [Tensor] {
          let leaves = try zip(x, v).map { x, v in try (x.detached() + v * h).tracked() }
          let gradients = try f(leaves).backward()
          return try leaves.map { try gradients[$0] ?? Tensor.zeros($0.shape, $0.dtype) }
        }
        return try zip(gradients(step), gradients(-step)).map { try ($0 - $1) / (2 * step) }
      }
    }
  }

  /// The Euclidean norm of all elements of all tensors.
  private static func length(_ tensors: [Tensor]) throws -> Double {
    try tensors.reduce(0) { total, t in try total + t.converted(to: .f64).square().sum().item() }.squareRoot()
  }
}

extension DType {
  /// The distance from 1 to the next number of a float type.
  var epsilon: Double {
    switch self {
    case .f64: 0x1p-52
    case .f16: 0x1p-10
    case .bf16: 0x1p-7
    default: 0x1p-23
    }
  }
}
