import Support

/// What is done with the result of a normalization in the same pass over memory.
public enum Rectifier: Sendable, Hashable {
  /// max(., 0); the gradient is 0 at 0.
  case relu
  /// The nearest value of the range; the gradient passes at its ends.
  case clip(ClosedRange<Double>)

  /// The bounds.
  public var range: ClosedRange<Double> { if case .clip(let range) = self { range } else { 0...Double.infinity } }

  /// The same as an operation of its own.
  public func callAsFunction(_ x: Tensor) throws -> Tensor {
    switch self {
    case .relu: try x.relu()
    case .clip(let range): try x.clip(min: range.lowerBound, max: range.upperBound)
    }
  }
}

extension Tensor {
  /// Batch normalization with given statistics: (x - mean) / sqrt(variance + epsilon) * scale + shift.
  ///
  /// - Shapes: x [N, C, ..], the others [C].
  /// - Parameters:
  ///   - residual: added to the result; of its shape.
  ///   - rectifier: what bounds the result after that.
  public func batchNorm(
    scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor, epsilon: Double = 1e-5, residual: Tensor? = nil,
    rectifier: Rectifier? = nil
  ) throws -> Tensor {
    try checkChannels("batchNorm", [scale, shift, mean, variance])
    try checkResidual("batchNorm", residual)
    // One factor and one constant per channel, so that the activation is passed over once or twice only.
    let factor = try scale * (variance + epsilon).rsqrt()
    let constant = try shift - mean * factor
    if ![self, factor, constant].contains(where: { $0.records }), residual?.records != true {
      return try Compute.backend.channelAffine(
        detached(), factor.detached(), constant.detached(), residual: residual?.detached(), rectifier: rectifier)
    }
    let column = ReferenceBackend.column(self)
    var y = try self * factor.reshaped(column) + constant.reshaped(column)
    if let residual { y = try y + residual }
    return try rectifier?(y) ?? y
  }

  /// Batch normalization with the batch's own statistics (Ioffe and Szegedy 2015, arXiv:1502.03167), in one pass with
  /// what usually follows it.
  ///
  /// - Shapes: x [N, C, ..], scale, shift [C].
  /// - Parameters:
  ///   - residual: added to the result; of its shape.
  ///   - rectifier: what bounds the result after that.
  /// - Returns: the result, and the batch's mean and biased variance [C], which are not tracked.
  public func batchNormTraining(
    scale: Tensor, shift: Tensor, epsilon: Double = 1e-5, residual: Tensor? = nil, rectifier: Rectifier? = nil
  ) throws -> (y: Tensor, mean: Tensor, variance: Tensor) {
    try checkChannels("batchNormTraining", [scale, shift])
    try checkResidual("batchNormTraining", residual)
    if let residual, case .clip? = rectifier {
      // Behind both, neither input nor result tells where the gradient of a clip passes.
      let (y, mean, variance) = try batchNormTraining(scale: scale, shift: shift, epsilon: epsilon, residual: residual)
      return (try rectifier?(y) ?? y, mean, variance)
    }
    guard dtype.isFloating, count > 0 else {
      throw PareError(.shape, "[batchNormTraining] input \(shape) of \(dtype)", expected: "floats, at least one", op: "batchNormTraining")
    }
    let (x, s, b) = (detached(), scale.detached(), shift.detached())
    let (y, mean, variance) = try Compute.backend.batchNormTraining(
      x, s, b, epsilon: epsilon, residual: residual?.detached(), rectifier: rectifier)
    guard records || scale.records || shift.records || residual?.records == true else { return (y, mean, variance) }
    let forward = BatchNormForward(
      x: x, scale: s, shift: b, mean: mean, variance: variance, epsilon: epsilon, hasResidual: residual != nil,
      rectifier: rectifier, y: rectifier == .relu && residual != nil ? y : nil)
    let tracked = y.recorded("batchNorm", from: [self, scale, shift] + (residual.map { [$0] } ?? [])) { g, pullback in
      let gradients = try Compute.backend.batchNormGradient(g, forward)
      pullback.add(0, gradients.x)
      pullback.add(1, gradients.scale)
      pullback.add(2, gradients.shift)
      if let residual = gradients.residual { pullback.add(3, residual) }
    }
    return (tracked, mean, variance)
  }

  private func checkResidual(_ op: String, _ residual: Tensor?) throws {
    guard let residual else { return }
    guard residual.shape == shape, residual.dtype == dtype else {
      throw PareError(
        .shape, "[\(op)] residual \(residual.shape) of \(residual.dtype)", argument: "residual",
        expected: "\(shape) of \(dtype)", op: op)
    }
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
    // A one-hot row counts negative indices from the end: as a label, -1 would be the last class.
    if labels.dtype.isInteger {
      for (i, label) in try labels.values(as: Int64.self).enumerated() where label < 0 || label >= k {
        throw PareError(
          .argument, "[crossEntropy] label \(label) at position \(i) is no class", argument: "labels", expected: "0..<\(k)",
          op: "crossEntropy")
      }
    }
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
