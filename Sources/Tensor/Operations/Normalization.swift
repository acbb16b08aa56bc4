import Support

extension Tensor {
  /// Batch normalization with given statistics: (x - mean) / sqrt(variance + epsilon) * scale + shift.
  /// - Shapes: x [N, C, ..], the others [C].
  public func batchNorm(scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor, epsilon: Double = 1e-5) throws -> Tensor {
    try checkChannels("batchNorm", [scale, shift, mean, variance])
    let column = ReferenceBackend.column(self)
    // One factor and one shift per channel, so that the activation is passed over twice only.
    let factor = try scale * (variance + epsilon).rsqrt()
    let constant = try shift - mean * factor
    return try self * factor.reshaped(column) + constant.reshaped(column)
  }

  /// Batch normalization with the batch's own statistics (Ioffe and Szegedy 2015, arXiv:1502.03167).
  /// - Shapes: x [N, C, ..], scale, shift [C].
  /// - Returns: the result, and the batch's mean and biased variance [C], which are not tracked.
  public func batchNormTraining(scale: Tensor, shift: Tensor, epsilon: Double = 1e-5) throws
    -> (y: Tensor, mean: Tensor, variance: Tensor)
  {
    try checkChannels("batchNormTraining", [scale, shift])
    guard dtype.isFloating, count > 0 else {
      throw PareError(.shape, "[batchNormTraining] input \(shape) of \(dtype)", expected: "floats, at least one", op: "batchNormTraining")
    }
    let (x, s) = (detached(), scale.detached())
    let (y, mean, variance) = try Compute.backend.batchNormTraining(x, s, shift.detached(), epsilon: epsilon)
    guard records || scale.records || shift.records else { return (y, mean, variance) }
    let tracked = y.recorded("batchNorm", self, scale, shift) { g, pullback in
      let (gx, gs, gb) = try Compute.backend.batchNormGradient(g, x, s, mean: mean, variance: variance, epsilon: epsilon)
      pullback.add(0, gx)
      pullback.add(1, gs)
      pullback.add(2, gb)
    }
    return (tracked, mean, variance)
  }

  private func checkChannels(_ op: String, _ others: [Tensor]) throws {
    guard rank >= 2 else { throw PareError(.shape, "[\(op)] input \(shape)", expected: "[N, C, ..]", op: op) }
    for other in others {
      guard other.rank == 1, other.count == shape.dims[1] else {
        throw PareError(.shape, "[\(op)] input \(shape) and values per channel \(other.shape)", expected: "[\(shape.dims[1])]", op: op)
      }
      guard other.dtype == dtype else {
        throw PareError(.dtype, "[\(op)] input \(dtype) and values per channel \(other.dtype)", expected: "one dtype", op: op)
      }
    }
  }

  /// exp(x) / sum of exp(x) along one axis.
  public func softmax(axis: Int = -1) throws -> Tensor { try soft(axis, log: false) }

  /// The logarithm of softmax, without overflow.
  public func logSoftmax(axis: Int = -1) throws -> Tensor { try soft(axis, log: true) }

  private func soft(_ axis: Int, log: Bool) throws -> Tensor {
    let axis = try shape.axis(axis, log ? "logSoftmax" : "softmax")
    let y = try Compute.backend.softmax(detached(), axis: axis, log: log)
    guard records else { return y }
    return y.recorded("softmax", self, repeatable: true) { g, pullback in
      guard pullback.createsGraph else {
        return try pullback.add(0, Compute.backend.softmaxGradient(g, output: y, axis: axis, log: log))
      }
      let y = pullback.output(y)
      if log {
        try pullback.add(0, g - y.exp() * g.sum(axes: [axis], keepDims: true))
      } else {
        try pullback.add(0, y * (g - (g * y).sum(axes: [axis], keepDims: true)))
      }
    }
  }

  /// The mean cross-entropy between logits and labels, a tensor without axes.
  ///
  /// - Shapes: logits [N, K], labels [N] of i64, each 0..<K.
  /// - Parameter smoothing: the share of probability spread evenly over all classes (Szegedy et al. 2015, arXiv:1512.00567), 0..<1.
  /// - Throws: `argument` for a label outside the classes.
  public func crossEntropy(labels: Tensor, smoothing: Double = 0) throws -> Tensor {
    guard rank == 2, labels.rank == 1, labels.count == shape.dims[0], count > 0 else {
      throw PareError(
        .shape, "[crossEntropy] logits \(shape) and labels \(labels.shape)", expected: "[N, K] and [N], not empty", op: "crossEntropy")
    }
    guard smoothing >= 0, smoothing < 1 else {
      throw PareError(.argument, "[crossEntropy] smoothing \(smoothing)", argument: "smoothing", expected: "0..<1", op: "crossEntropy")
    }
    let (n, k) = (shape.dims[0], shape.dims[1])
    let target = try labels.oneHot(classes: k, dtype: dtype) * (1 - smoothing) + smoothing / Double(k)
    let logits = detached()
    let logs = try Compute.backend.softmax(logits, axis: 1, log: true)
    let loss = try Tensor.withoutGradient { () throws -> Tensor in try -(logs * target).sum() / Double(n) }
    guard records else { return loss }
    return loss.recorded("crossEntropy", self, repeatable: true) { g, pullback in
      let chances = pullback.createsGraph ? try pullback.input(0, logits).softmax(axis: 1) : try logs.exp()
      try pullback.add(0, (chances - target) * (g / Double(n)))
    }
  }

  /// Zeroes elements where `mask` (bool, broadcast) is false and divides the others by `keep`, the probability of true.
  public func dropout(mask: Tensor, keep: Double) throws -> Tensor {
    guard keep > 0, keep <= 1 else {
      throw PareError(.argument, "[dropout] keep \(keep)", argument: "keep", expected: "above 0, at most 1", op: "dropout")
    }
    return try self * (mask.converted(to: dtype) / keep)
  }
}
