import Support

/// Losses with PyTorch's names and conventions. Weights are differentiated, targets unless they are labels.
extension Tensor {
  /// What becomes of the losses of single elements or samples.
  public enum LossReduction: String, Sendable, CaseIterable {
    /// Divided by their number, or by the sum of their weights where there are weights.
    case mean
    case sum
    case none
  }

  func reduced(_ reduction: LossReduction) throws -> Tensor {
    switch reduction {
    case .mean: try mean()
    case .sum: try sum()
    case .none: self
    }
  }

  private func checkTarget(_ op: String, _ target: Tensor) throws {
    guard target.shape == shape else {
      throw PareError(.shape, "[\(op)] input \(shape) and target \(target.shape)", argument: "target", expected: "\(shape)", op: op)
    }
    guard dtype.isFloating, target.dtype == dtype else {
      throw PareError(.dtype, "[\(op)] input \(dtype) and target \(target.dtype)", argument: "target", expected: "one float type", op: op)
    }
  }

  /// The squared differences.
  public func mseLoss(_ target: Tensor, reduction: LossReduction = .mean) throws -> Tensor {
    try checkTarget("mseLoss", target)
    return try (self - target).square().reduced(reduction)
  }

  /// The magnitudes of the differences.
  public func l1Loss(_ target: Tensor, reduction: LossReduction = .mean) throws -> Tensor {
    try checkTarget("l1Loss", target)
    return try (self - target).abs().reduced(reduction)
  }

  /// d^2/2 where |d| <= delta, delta (|d| - delta/2) elsewhere, d the difference (Huber 1964).
  public func huberLoss(_ target: Tensor, delta: Double = 1, reduction: LossReduction = .mean) throws -> Tensor {
    try checkTarget("huberLoss", target)
    guard delta > 0, delta.isFinite else {
      throw PareError(.argument, "[huberLoss] delta \(delta)", argument: "delta", expected: "above 0", op: "huberLoss")
    }
    // With c the difference limited to delta it is c (d - c/2), whose slope in d is c.
    let d = try self - target
    let c = try d.clip(min: -delta, max: delta)
    return try (c * (d - c * 0.5)).reduced(reduction)
  }

  /// Huber's loss divided by `beta`: d^2 / (2 beta) where |d| < beta, |d| - beta/2 elsewhere (Girshick 2015,
  /// arXiv:1504.08083). With `beta` 0 the l1 loss.
  public func smoothL1Loss(_ target: Tensor, beta: Double = 1, reduction: LossReduction = .mean) throws -> Tensor {
    guard beta >= 0, beta.isFinite else {
      throw PareError(.argument, "[smoothL1Loss] beta \(beta)", argument: "beta", expected: "a number from 0", op: "smoothL1Loss")
    }
    if beta == 0 { return try l1Loss(target, reduction: reduction) }
    return try huberLoss(target, delta: beta, reduction: reduction) / beta
  }

  /// The cross-entropy of two classes from logits, -p t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)), without overflow.
  /// - Parameters:
  ///   - target: probabilities of true, of this tensor's shape.
  ///   - weight: of each element, broadcast; the mean still divides by the number of elements.
  ///   - positiveWeight: p, broadcast: above 1 counts missed trues more.
  public func binaryCrossEntropyWithLogits(
    _ target: Tensor, weight: Tensor? = nil, positiveWeight: Tensor? = nil, reduction: LossReduction = .mean
  ) throws -> Tensor {
    try checkTarget("binaryCrossEntropyWithLogits", target)
    // log(1 + exp(x)) - t x; with p: (1 - t) x + (1 + (p - 1) t) log(1 + exp(-x)).
    var loss: Tensor
    if let positiveWeight {
      loss = try (1 - target) * self + ((positiveWeight - 1) * target + 1) * (-self).softplus()
    } else {
      loss = try softplus() - target * self
    }
    if let weight { loss = try loss * weight }
    return try loss.reduced(reduction)
  }

  /// How `klDivergence` averages.
  public enum DivergenceReduction: String, Sendable, CaseIterable {
    /// Divided by the first size: the divergence's own mean.
    case batchMean
    case mean, sum, none
  }

  /// The divergence of the distribution of `target` from that of this tensor, which holds logarithms of probabilities:
  /// target (log(target) - input), 0 where the target is 0. Both are differentiated.
  /// - Parameter logTarget: the target holds logarithms too.
  public func klDivergence(_ target: Tensor, logTarget: Bool = false, reduction: DivergenceReduction = .batchMean) throws -> Tensor {
    try checkTarget("klDivergence", target)
    let pointwise: Tensor
    if logTarget {
      pointwise = try target.exp() * (target - self)
    } else {
      let zero = try target.detached().le(0)
      let logs = try Tensor.where(zero, Tensor.scalar(1, dtype), target).log()
      pointwise = try target * (logs - self)
    }
    switch reduction {
    case .batchMean: return try pointwise.sum() / Double(Swift.max(1, shape.first ?? 1))
    case .mean: return try pointwise.mean()
    case .sum: return try pointwise.sum()
    case .none: return pointwise
    }
  }

  /// The negative log-likelihood of labels, from logarithms of probabilities: -weight[label] x[label].
  ///
  /// - Shapes: x [N, K, d..], labels [N, d..] of i64, each 0..<K or `ignoreIndex`; also [K] and []. `none` gives [N, d..].
  /// - Parameters:
  ///   - weight: [K], of each class; the mean divides by the sum of the weights that were used.
  ///   - ignoreIndex: a label that counts nothing.
  /// - Throws: `argument` for a label outside the classes.
  public func nllLoss(
    labels: Tensor, weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: LossReduction = .mean
  ) throws -> Tensor {
    let target = try LabelTarget(self, labels, weight, ignoreIndex, "nllLoss")
    let picked = try target.rows(self).gatherElements(axis: 1, indices: target.labels.unsqueezed(1)).squeezed(1)
    return try target.finish(target.weighted(picked), reduction)
  }

  /// The cross-entropy of labels from logits: the negative log-likelihood of their softmax.
  ///
  /// - Shapes, Throws: as `nllLoss`.
  /// - Parameters:
  ///   - weight: [K], of each class; the mean divides by the sum of the weights that were used.
  ///   - ignoreIndex: a label that counts nothing.
  ///   - smoothing: the share of probability spread evenly over all classes (Szegedy et al. 2015, arXiv:1512.00567), 0..<1.
  public func crossEntropy(
    labels: Tensor, weight: Tensor?, ignoreIndex: Int = -100, smoothing: Double = 0, reduction: LossReduction = .mean
  ) throws -> Tensor {
    try Tensor.checkSmoothing(smoothing)
    let target = try LabelTarget(self, labels, weight, ignoreIndex, "crossEntropy")
    let logs = try target.rows(self).logSoftmax(axis: 1)
    let picked = try logs.gatherElements(axis: 1, indices: target.labels.unsqueezed(1)).squeezed(1)
    var loss = try target.weighted(picked)
    if smoothing > 0 {
      // The even part sums every class with its own weight, for samples that count.
      let each = try target.classWeights.map { try logs * $0 } ?? logs
      let even = try target.counting(-each.sum(axes: [1])) / Double(target.classes)
      loss = try loss * (1 - smoothing) + even * smoothing
    }
    return try target.finish(loss, reduction)
  }

  /// The cross-entropy of distributions from logits: minus the sum over axis 1 of target log(softmax(x)); both are
  /// differentiated.
  ///
  /// - Shapes: x and target [N, K, d..] or [K]; `none` gives [N, d..].
  /// - Parameters:
  ///   - weight: [K], of each class; the mean divides by the number of samples.
  ///   - smoothing: the share of the target replaced by the even distribution, 0..<1.
  public func crossEntropy(
    target: Tensor, weight: Tensor? = nil, smoothing: Double = 0, reduction: LossReduction = .mean
  ) throws -> Tensor {
    try checkTarget("crossEntropy", target)
    try Tensor.checkSmoothing(smoothing)
    guard rank >= 1 else { throw PareError(.shape, "[crossEntropy] logits \(shape)", expected: "[N, K, d..] or [K]", op: "crossEntropy") }
    let axis = rank == 1 ? 0 : 1
    let k = shape.dims[axis]
    var logs = try logSoftmax(axis: axis)
    if let weight {
      try Tensor.checkWeight(weight, k, dtype, "crossEntropy")
      logs = try logs * weight.reshaped((0..<rank).map { $0 == axis ? k : 1 })
    }
    let chances = smoothing == 0 ? target : try target * (1 - smoothing) + smoothing / Double(Swift.max(k, 1))
    let loss = try -(logs * chances).sum(axes: [axis])
    return try loss.reduced(reduction)
  }

  /// The cosine of the angle between vectors along one axis, each length at least `epsilon`; both broadcast and are
  /// differentiated.
  public static func cosineSimilarity(_ a: Tensor, _ b: Tensor, axis: Int = -1, epsilon: Double = 1e-8) throws -> Tensor {
    let shape = try operands("cosineSimilarity", a, b)
    let axis = try shape.axis(axis, "cosineSimilarity")
    let (a, b) = try (a.expanded(to: shape), b.expanded(to: shape))
    let lengths = try a.norm(axes: [axis]).maximum(epsilon) * b.norm(axes: [axis]).maximum(epsilon)
    return try (a * b).sum(axes: [axis]) / lengths
  }

  private static func checkSmoothing(_ smoothing: Double) throws {
    guard smoothing >= 0, smoothing < 1 else {
      throw PareError(.argument, "[crossEntropy] smoothing \(smoothing)", argument: "smoothing", expected: "0..<1", op: "crossEntropy")
    }
  }

  fileprivate static func checkWeight(_ weight: Tensor, _ classes: Int, _ dtype: DType, _ op: String) throws {
    guard weight.rank == 1, weight.count == classes else {
      throw PareError(.shape, "[\(op)] weights \(weight.shape) of \(classes) classes", argument: "weight", expected: "[\(classes)]", op: op)
    }
    guard weight.dtype == dtype else {
      throw PareError(.dtype, "[\(op)] weights of \(weight.dtype)", argument: "weight", expected: "\(dtype)", op: op)
    }
  }
}

/// Labels as rows: what of logits [N, K, d..] becomes [N d.., K].
private struct LabelTarget {
  let classes: Int
  /// [rows], ignored ones 0.
  let labels: Tensor
  /// [rows], bool.
  private let ignored: Tensor
  /// [rows]: the label's class weight, 0 for ignored ones.
  private let weights: Tensor
  /// [K] or nil.
  let classWeights: Tensor?
  private let shape: Shape
  private let labelShape: Shape

  init(_ x: Tensor, _ labels: Tensor, _ weight: Tensor?, _ ignoreIndex: Int, _ op: String) throws {
    let axis = x.rank == 1 ? 0 : 1
    guard x.rank >= 1, x.shape.dimensions.enumerated().filter({ $0.offset != axis }).map({ $0.element }) == labels.shape.dimensions else {
      throw PareError(
        .shape, "[\(op)] input \(x.shape) and labels \(labels.shape)", argument: "labels", expected: "[N, K, d..] and [N, d..]", op: op)
    }
    guard x.dtype.isFloating else { throw PareError(.dtype, "[\(op)] input of \(x.dtype)", expected: "a float type", op: op) }
    guard labels.dtype == .i64 || labels.dtype == .i32 else {
      throw PareError(.dtype, "[\(op)] labels of \(labels.dtype)", argument: "labels", expected: "i64", op: op)
    }
    let classes = x.shape.dims[axis]
    if let weight { try Tensor.checkWeight(weight, classes, x.dtype, op) }
    let flat = try labels.detached().converted(to: .i64).contiguous().reshaped(Shape([labels.count]))
    let ignored = try flat.eq(Tensor([Int64(ignoreIndex)]))
    let known = try Tensor.where(ignored, Tensor.scalar(0, .i64), flat)
    for (i, label) in try known.values(as: Int64.self).enumerated() where label < 0 || label >= classes {
      // A batch of nothing but ignored labels has 0 everywhere, which needs a class to point at.
      throw PareError(
        .argument, "[\(op)] label \(label) at position \(i) is no class", argument: "labels",
        expected: "0..<\(classes), or \(ignoreIndex) to ignore", op: op)
    }
    let counted = try ignored.not().converted(to: x.dtype)
    self.classes = classes
    self.labels = known
    self.ignored = ignored
    classWeights = weight
    weights = try weight.map { try counted * $0.gather(axis: 0, indices: known) } ?? counted
    (shape, labelShape) = (x.shape, labels.shape)
  }

  /// [N, K, d..] as [N d.., K].
  func rows(_ x: Tensor) throws -> Tensor {
    if shape.rank == 1 { return try x.unsqueezed(0) }
    if shape.rank == 2 { return x }
    return try x.permuted([0] + Array(2..<shape.rank) + [1]).reshaped(Shape([labels.count, classes]))
  }

  /// Zeroes the losses of ignored labels, infinite ones too.
  func counting(_ losses: Tensor) throws -> Tensor {
    try Tensor.where(ignored, Tensor.scalar(0, losses.dtype), losses)
  }

  /// The loss of each row from the logarithm of its label's probability.
  func weighted(_ picked: Tensor) throws -> Tensor {
    // Zeroed before the product: the gradient of a weight must not see an infinite loss that does not count.
    let losses = try counting(-picked)
    return classWeights == nil ? losses : try losses * weights
  }

  func finish(_ loss: Tensor, _ reduction: Tensor.LossReduction) throws -> Tensor {
    switch reduction {
    case .none: try loss.reshaped(labelShape)
    case .sum: try loss.sum()
    case .mean: try loss.sum() / weights.sum()
    }
  }
}
