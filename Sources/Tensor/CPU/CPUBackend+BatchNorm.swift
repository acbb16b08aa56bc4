import CKernels

/// Batch normalization of f32, channels-last, with Pare's own kernels: oneDNN has no pass that takes a residual along.
extension CPUBackend {
  private var threads: Int32 { Int32(truncatingIfNeeded: Compute.threads) }

  /// Whether all operands are f32 images or rows, so that channels lie innermost.
  private func isRows(_ x: Tensor, _ others: Tensor?...) -> Bool {
    (x.rank == 4 || x.rank == 2) && x.dtype == .f32 && x.count > 0
      && others.allSatisfy { $0.map { $0.dtype == .f32 } ?? true }
  }

  private func bounds(_ rectifier: Rectifier?) -> (low: Float, high: Float) {
    let range = rectifier?.range ?? -Double.infinity...Double.infinity
    return (Float(range.lowerBound), Float(range.upperBound))
  }

  /// Channels-last, which for two axes is row-major.
  private func dense(_ x: Tensor) throws -> Tensor { x.rank == 4 ? try channelsLast(x) : try x.contiguous() }

  func batchNormTraining(
    _ x: Tensor, _ scale: Tensor, _ shift: Tensor, epsilon: Double, residual: Tensor?, rectifier: Rectifier?
  ) throws -> (y: Tensor, mean: Tensor, variance: Tensor) {
    guard isRows(x, scale, shift, residual) else {
      return try reference.batchNormTraining(x, scale, shift, epsilon: epsilon, residual: residual, rectifier: rectifier)
    }
    Compute.prepareLibraries()
    let channels = x.shape.dims[1], rows = x.count / channels
    let mean = try Tensor.empty(scale.shape, .f32), variance = try Tensor.empty(scale.shape, .f32)
    let x = try dense(x)
    let work = try Tensor.empty([2, Compute.threads, channels], .f64)
    pare_batchnorm_statistics(
      x.pointer(Float.self), rows, channels, mean.pointer(Float.self), variance.pointer(Float.self),
      work.pointer(Double.self), threads)
    let (factor, constant) = try affine(scale, shift, mean, variance, epsilon)
    return (try channelAffine(x, factor, constant, residual: residual, rectifier: rectifier), mean, variance)
  }

  /// Normalization as one factor and one constant per channel.
  private func affine(_ scale: Tensor, _ shift: Tensor, _ mean: Tensor, _ variance: Tensor, _ epsilon: Double) throws
    -> (factor: Tensor, constant: Tensor)
  {
    let (scale, shift) = (try scale.contiguous(), try shift.contiguous())
    let (mean, variance) = (try mean.contiguous(), try variance.contiguous())
    let factor = try Tensor.empty(scale.shape, .f32), constant = try Tensor.empty(scale.shape, .f32)
    for c in 0..<scale.count {
      let f = Double(scale.pointer(Float.self)[c]) / (Double(variance.pointer(Float.self)[c]) + epsilon).squareRoot()
      factor.pointer(Float.self)[c] = Float(f)
      constant.pointer(Float.self)[c] = Float(Double(shift.pointer(Float.self)[c]) - Double(mean.pointer(Float.self)[c]) * f)
    }
    return (factor, constant)
  }

  func channelAffine(_ x: Tensor, _ factor: Tensor, _ constant: Tensor, residual: Tensor?, rectifier: Rectifier?) throws -> Tensor {
    guard isRows(x, factor, constant, residual) else {
      return try reference.channelAffine(x, factor, constant, residual: residual, rectifier: rectifier)
    }
    let channels = x.shape.dims[1]
    let x = try dense(x), residual = try residual.map(dense)
    let (factor, constant) = (try factor.contiguous(), try constant.contiguous())
    let y = try emptyChannelsLast(x.shape.dimensions)
    let (low, high) = bounds(rectifier)
    withExtendedLifetime((x, residual, factor, constant)) {
      pare_batchnorm_apply(
        x.pointer(Float.self), residual?.pointer(Float.self), y.pointer(Float.self), x.count / channels, channels,
        factor.pointer(Float.self), constant.pointer(Float.self), rectifier == nil ? 0 : 1, low, high, threads)
    }
    return y
  }

  func batchNormGradient(_ g: Tensor, _ forward: BatchNormForward) throws
    -> (x: Tensor, scale: Tensor, shift: Tensor, residual: Tensor?)
  {
    let (scale, mean, variance) = (forward.scale, forward.mean, forward.variance)
    guard isRows(forward.x, g, scale, forward.shift, mean, variance, forward.y) else {
      return try reference.batchNormGradient(g, forward)
    }
    Compute.prepareLibraries()
    let (g, x, y) = (try dense(g), try dense(forward.x), try forward.y.map(dense))
    let channels = x.shape.dims[1], rows = x.count / channels
    let (factor, constant) = try affine(scale, forward.shift, mean, variance, forward.epsilon)
    let pass =
      switch forward.rectifier {
      case nil: PARE_PASS_ALL
      case .relu: y == nil ? PARE_PASS_POSITIVE : PARE_PASS_OUTPUT
      case .clip: PARE_PASS_WITHIN
      }
    let (low, high) = bounds(forward.rectifier)
    let work = try Tensor.empty([2, Compute.threads + 1, channels], .f64)
    let sums = work.pointer(Double.self), products = sums + channels
    let gx = try emptyChannelsLast(x.shape.dimensions)
    // Without a rectifier the residual's gradient is the one that came.
    let passed = forward.hasResidual && forward.rectifier != nil ? try emptyChannelsLast(x.shape.dimensions) : nil
    let gScale = try Tensor.empty(scale.shape, .f32), gShift = try Tensor.empty(scale.shape, .f32)
    let coefficients = try Tensor.empty([3, channels], .f32)
    let byGradient = coefficients.pointer(Float.self), byInput = byGradient + channels, rest = byInput + channels
    let (s, m, v) = (try scale.contiguous(), try mean.contiguous(), try variance.contiguous())
    withExtendedLifetime((g, x, y, factor, constant, work, coefficients, s, m, v)) {
      let address = y?.pointer(Float.self)
      pare_batchnorm_gradient_sums(
        g.pointer(Float.self), x.pointer(Float.self), address, rows, channels, factor.pointer(Float.self),
        constant.pointer(Float.self), m.pointer(Float.self), pass, low, high, sums, products, sums + 2 * channels, threads)
      // With r = 1 / sqrt(variance + epsilon) and means over the rows:
      // gx = scale r (g - mean(g) - (x - mean) r^2 mean(g (x - mean)))
      for c in 0..<channels {
        let inverse = 1 / (Double(v.pointer(Float.self)[c]) + forward.epsilon).squareRoot()
        let outer = Double(s.pointer(Float.self)[c]) * inverse
        let slope = -outer * inverse * inverse * products[c] / Double(rows)
        byGradient[c] = Float(outer)
        byInput[c] = Float(slope)
        rest[c] = Float(-outer * sums[c] / Double(rows) - slope * Double(m.pointer(Float.self)[c]))
        gScale.pointer(Float.self)[c] = Float(products[c] * inverse)
        gShift.pointer(Float.self)[c] = Float(sums[c])
      }
      pare_batchnorm_gradient_apply(
        g.pointer(Float.self), x.pointer(Float.self), address, gx.pointer(Float.self), passed?.pointer(Float.self), rows,
        channels, factor.pointer(Float.self), constant.pointer(Float.self), byGradient, byInput, rest, pass, low, high, threads)
    }
    return (gx, gScale, gShift, forward.hasResidual ? passed ?? g : nil)
  }
}
