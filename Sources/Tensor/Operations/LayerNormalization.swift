import Support

/// Normalizations whose statistics come from the sample itself. Each is one node of the tape.
///
/// With n = (x - mean) r and r = 1 / sqrt(variance + epsilon) over the m elements that are normalized together, and
/// h = g scale the gradient at n, the gradients are
///
///     x:     r (h - mean(h) - n mean(h n))         without the second term where no mean is taken off
///     scale: the sum of g n over what it is broadcast along
///     shift: the sum of g over the same
///
/// Statistics are taken in f64 for f64, in f32 with sums in f64 else; variances are biased.
extension Tensor {
  /// Normalizes over the trailing axes from `axis` on (Ba et al. 2016, arXiv:1607.06450; ONNX LayerNormalization).
  /// - Parameter scale, shift: broadcast to the normalized axes.
  public func layerNorm(axis: Int = -1, scale: Tensor? = nil, shift: Tensor? = nil, epsilon: Double = 1e-5) throws -> Tensor {
    let axis = try shape.axis(axis, "layerNorm")
    return try normalized("layerNorm", Array(axis..<rank), scale, shift, epsilon)
  }

  /// Divides by the root mean square over the trailing axes from `axis` on (Zhang and Sennrich 2019, arXiv:1910.07467).
  public func rmsNorm(axis: Int = -1, scale: Tensor? = nil, epsilon: Double = 1e-5) throws -> Tensor {
    let axis = try shape.axis(axis, "rmsNorm")
    return try normalized("rmsNorm", Array(axis..<rank), scale, nil, epsilon, centred: false)
  }

  /// Normalizes each channel of each sample over its positions (Ulyanov et al. 2016, arXiv:1607.08022).
  /// - Shapes: x [N, C, ..], scale, shift [C].
  public func instanceNorm(scale: Tensor? = nil, shift: Tensor? = nil, epsilon: Double = 1e-5) throws -> Tensor {
    guard rank >= 3 else { throw PareError(.shape, "[instanceNorm] input \(shape)", expected: "[N, C, ..]", op: "instanceNorm") }
    let (scale, shift) = try (perChannel(scale, "instanceNorm"), perChannel(shift, "instanceNorm"))
    return try normalized("instanceNorm", Array(2..<rank), scale, shift, epsilon)
  }

  /// Normalizes groups of neighbouring channels of each sample together (Wu and He 2018, arXiv:1803.08494).
  /// - Shapes: x [N, C, ..], C a multiple of `groups`, scale, shift [C].
  public func groupNorm(groups: Int, scale: Tensor? = nil, shift: Tensor? = nil, epsilon: Double = 1e-5) throws -> Tensor {
    guard rank >= 2, groups > 0, shape.dims[1] % groups == 0 else {
      throw PareError(
        .shape, "[groupNorm] input \(shape) in \(groups) groups", argument: "groups", expected: "a divisor of the channels", op: "groupNorm")
    }
    let (scale, shift) = try (perChannel(scale, "groupNorm"), perChannel(shift, "groupNorm"))
    // [N, G, C/G, ..]: the channels of a group are an axis; scale and shift are one per channel behind it.
    let (channels, positions) = (shape.dims[1] / groups, Shape(unchecked: shape.dimensions.dropFirst(2)).count)
    let grouped = try reshaped(Shape([shape.dims[0], groups, channels, positions]))
    func column(_ t: Tensor?) throws -> Tensor? { try t?.reshaped([1, groups, channels, 1]) }
    return try grouped.normalized("groupNorm", [2, 3], column(scale), column(shift), epsilon).reshaped(shape)
  }

  private func perChannel(_ values: Tensor?, _ op: String) throws -> Tensor? {
    guard let values else { return nil }
    guard values.rank == 1, values.count == shape.dims[1] else {
      throw PareError(.shape, "[\(op)] input \(shape) and values per channel \(values.shape)", expected: "[\(shape.dims[1])]", op: op)
    }
    return try values.reshaped(ReferenceBackend.column(self))
  }

  /// The statistics' part of every normalization here: (x - mean) r over `axes`.
  private func normal(_ axes: [Int], _ epsilon: Double, _ centred: Bool) throws -> (n: Tensor, r: Tensor) {
    let x = centred ? try self - mean(axes: axes, keepDims: true) : self
    let r = try (x.square().mean(axes: axes, keepDims: true) + epsilon).rsqrt()
    return (try x * r, r)
  }

  private func normalized(
    _ name: StaticString, _ axes: [Int], _ scale: Tensor?, _ shift: Tensor?, _ epsilon: Double, centred: Bool = true
  ) throws -> Tensor {
    let op = "\(name)"
    guard dtype.isFloating else {
      throw PareError(.dtype, "[\(op)] input of \(dtype)", expected: "a float type", op: op)
    }
    guard epsilon >= 0, epsilon.isFinite else {
      throw PareError(.argument, "[\(op)] epsilon \(epsilon)", argument: "epsilon", expected: "a number from 0", op: op)
    }
    for (what, t) in [("scale", scale), ("shift", shift)] {
      guard let t else { continue }
      guard try Tensor.operands(op, self, t) == shape else {
        throw PareError(.shape, "[\(op)] \(what) \(t.shape) does not broadcast to input \(shape)", argument: what, op: op)
      }
    }
    if dtype.isHalf {
      func wide(_ t: Tensor?) throws -> Tensor? { try t?.converted(to: .f32) }
      return try converted(to: .f32).normalized(name, axes, wide(scale), wide(shift), epsilon, centred: centred).converted(to: dtype)
    }
    let (x, plainScale, shiftShape) = (detached(), scale?.detached(), shift?.shape)
    let isRecorded = records || scale?.records == true || shift?.records == true
    // Rows along the last axes have a kernel, whose scale and shift are one for each element of a row: as many values of
    // another axis (channels, of which there may be as many as positions) are not. A pass that is recorded itself is composed.
    let width = axes.reduce(1) { $0 * self.shape.dims[$1] }
    let row = Array(shape.dimensions.suffix(axes.count))
    func spansRow(_ t: Tensor) -> Bool {
      t.count == width && (Array(repeating: 1, count: axes.count) + t.shape.dimensions).suffix(axes.count).elementsEqual(row)
    }
    let areRows = axes == Array((rank - axes.count)..<rank) && [scale, shift].allSatisfy { $0.map(spansRow) ?? true }
    if areRows, let (y, statistics) = try Compute.backend.rowNorm(
      x, width: width, scale: plainScale, shift: shift?.detached(), epsilon: epsilon, centred: centred) {
      guard isRecorded else { return y }
      return y.recorded(name, from: [self, scale ?? y, shift ?? y], repeatable: true) { g, pullback in
        if pullback.createsGraph {
          let (n, r) = try pullback.input(0, x).normal(axes, epsilon, centred)
          return try Tensor.composedGradient(g, &pullback, n, r, plainScale, shiftShape, axes, centred)
        }
        let affine = plainScale != nil || shiftShape != nil
        let gradients = try Compute.backend.rowNormGradient(
          g, x, width: width, scale: plainScale, statistics, input: pullback.needs(0), affine: affine)
        if let gx = gradients.x { pullback.add(0, gx) }
        if let plainScale, let gscale = gradients.scale { try pullback.add(1, gscale.reshaped(plainScale.shape)) }
        if let shiftShape, let gshift = gradients.shift { try pullback.add(2, gshift.reshaped(shiftShape)) }
      }
    }
    let (n, r) = try x.normal(axes, epsilon, centred)
    var y = try plainScale.map { try n * $0 } ?? n
    if let shift { y = try y + shift.detached() }
    guard isRecorded else { return y }
    // Places of absent operands are kept, so that gradients have fixed numbers.
    let inputs = [self, scale ?? n, shift ?? n]
    return y.recorded(name, from: inputs, repeatable: true) { g, pullback in
      // A recorded pass computes the statistics again with their history.
      let (n, r) = pullback.createsGraph ? try pullback.input(0, x).normal(axes, epsilon, centred) : (n, r)
      try Tensor.composedGradient(g, &pullback, n, r, plainScale, shiftShape, axes, centred)
    }
  }

  private static func composedGradient(
    _ g: Tensor, _ pullback: inout Pullback, _ n: Tensor, _ r: Tensor, _ scale: Tensor?, _ shiftShape: Shape?, _ axes: [Int], _ centred: Bool
  ) throws {
    let s = scale.map { pullback.input(1, $0) }
    if pullback.needs(0) {
      let h = try s.map { try g * $0 } ?? g
      var inner = try h - n * (h * n).mean(axes: axes, keepDims: true)
      if centred { inner = try inner - h.mean(axes: axes, keepDims: true) }
      try pullback.add(0, inner * r)
    }
    if let s { try pullback.add(1, (g * n).reduced(to: s.shape)) }
    if let shiftShape { try pullback.add(2, g.reduced(to: shiftShape)) }
  }

  /// Local response normalization over `size` neighbouring channels (Krizhevsky et al. 2012; ONNX LRN):
  /// x / (bias + alpha / size * the sum of squares of channels c - floor((size - 1) / 2) ... c + ceil((size - 1) / 2))^beta.
  /// - Shapes: x [N, C, ..].
  public func localResponseNorm(size: Int, alpha: Double = 1e-4, beta: Double = 0.75, bias: Double = 1) throws -> Tensor {
    guard rank >= 2 else { throw PareError(.shape, "[localResponseNorm] input \(shape)", expected: "[N, C, ..]", op: "localResponseNorm") }
    guard size > 0, size < 1 << 20 else {
      throw PareError(.argument, "[localResponseNorm] size \(size)", argument: "size", expected: "at least 1", op: "localResponseNorm")
    }
    let (before, after) = ((size - 1) / 2, size / 2)
    var pads = Array(repeating: 0, count: 2 * rank)
    (pads[1], pads[rank + 1]) = (before, after)
    let squares = try square().padded(pads)
    let channels = shape.dims[1]
    // The window's channels one after another: exact where running sums would cancel.
    var sums = try squares.slice(axis: 1, to: channels)
    for k in 1..<size { sums = try sums + squares.slice(axis: 1, from: k, to: k + channels) }
    return try self / (sums * (alpha / Double(size)) + bias).pow(beta)
  }
}
