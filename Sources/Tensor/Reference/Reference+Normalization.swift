extension ReferenceBackend {
  /// Batch normalization as a composition of the elementary functions (Ioffe and Szegedy 2015, arXiv:1502.03167).
  func batchNormTraining(
    _ x: Tensor, _ scale: Tensor, _ shift: Tensor, epsilon: Double, residual: Tensor?, rectifier: Rectifier?
  ) throws -> (y: Tensor, mean: Tensor, variance: Tensor) {
    let axes = (0..<x.rank).map { $0 != 1 }
    let column = ReferenceBackend.column(x)
    let mean = try reduce(.mean, x, axes: axes)
    let centred = try x - mean
    let variance = try reduce(.mean, unary(.square, centred), axes: axes)
    let factor = try (variance + epsilon).rsqrt() * scale.reshaped(column)
    let y = try finished(centred * factor + shift.reshaped(column), residual, rectifier)
    let channels = [x.shape.dims[1]]
    return (y, try mean.reshaped(channels), try variance.reshaped(channels))
  }

  func batchNormGradient(_ g: Tensor, _ forward: BatchNormForward) throws
    -> (x: Tensor, scale: Tensor, shift: Tensor, residual: Tensor?)
  {
    let x = forward.x
    let axes = (0..<x.rank).map { $0 != 1 }
    let column = ReferenceBackend.column(x)
    let channels = [x.shape.dims[1]]
    let inverse = try (forward.variance.reshaped(column) + forward.epsilon).rsqrt()
    let normal = try (x - forward.mean.reshaped(column)) * inverse
    var g = g
    if let rectifier = forward.rectifier {
      let y = try forward.y ?? normal * forward.scale.reshaped(column) + forward.shift.reshaped(column)
      switch rectifier {
      case .relu: g = try binary(.reluGradient, g, y, g.shape)
      case .clip(let range):
        let inside = try y.ge(range.lowerBound).and(y.le(range.upperBound))
        g = try Tensor.where(inside, g, Tensor.zeros(g.shape, g.dtype))
      }
    }
    let shiftGradient = try reduce(.sum, g, axes: axes)
    let scaleGradient = try reduce(.sum, g * normal, axes: axes)
    let n = Double(max(1, x.count / max(channels[0], 1)))
    let inner = try g - shiftGradient / n - normal * (scaleGradient / n)
    let gx = try inner * (inverse * forward.scale.reshaped(column))
    return (
      gx, try scaleGradient.reshaped(channels), try shiftGradient.reshaped(channels), forward.hasResidual ? g : nil
    )
  }

  func channelAffine(_ x: Tensor, _ factor: Tensor, _ constant: Tensor, residual: Tensor?, rectifier: Rectifier?) throws -> Tensor {
    let column = ReferenceBackend.column(x)
    return try finished(x * factor.reshaped(column) + constant.reshaped(column), residual, rectifier)
  }

  private func finished(_ y: Tensor, _ residual: Tensor?, _ rectifier: Rectifier?) throws -> Tensor {
    let sum = try residual.map { try y + $0 } ?? y
    switch rectifier {
    case nil: return sum
    case .relu: return try unary(.relu, sum)
    case .clip(let range): return try clip(sum, range.lowerBound, range.upperBound)
    }
  }

  /// The shape in which values per channel broadcast over `x`.
  static func column(_ x: Tensor) -> [Int] { (0..<x.rank).map { $0 == 1 ? x.shape.dims[1] : 1 } }

  func softmax(_ x: Tensor, axis: Int, log: Bool) throws -> Tensor {
    switch x.dtype {
    case .f32: try soft(x, axis, log, Float.self)
    case .f64: try soft(x, axis, log, Double.self)
    case .f16, .bf16: try widened(x.dtype) { try softmax($0(x), axis: axis, log: log) }
    default: throw ReferenceBackend.refusal("softmax", x.dtype, expected: "a float type")
    }
  }

  private func soft<T: Real>(_ x: Tensor, _ axis: Int, _ log: Bool, _: T.Type) throws -> Tensor {
    // The axis last and dense; the result is seen in the order of the input.
    let moved = try x.transposed(axis, -1).contiguous()
    let n = x.shape.dims[axis]
    let out = try Tensor.empty(moved.shape, T.dtype)
    let (source, result) = (moved.pointer(T.self), out.pointer(T.self))
    guard n > 0 else { return try out.transposed(axis, -1) }
    try Compute.parallel(x.count / n, grain: max(1, 8192 / n)) { part in
      for row in part {
        let (p, q) = (source + row * n, result + row * n)
        var largest = p[0]
        for i in 1..<n { largest = T.larger(largest, p[i]) }
        if largest == -.infinity { largest = 0 }
        var sum = 0.0
        for i in 0..<n {
          let e = T.exp(p[i] - largest)
          q[i] = e
          sum += Double(e)
        }
        if log {
          let shift = T(Double(largest) + Double.log(sum))
          for i in 0..<n { q[i] = p[i] - shift }
        } else {
          let factor = T(1 / sum)
          for i in 0..<n { q[i] *= factor }
        }
      }
    }
    return try out.transposed(axis, -1)
  }

  func softmaxGradient(_ g: Tensor, output y: Tensor, axis: Int, log: Bool) throws -> Tensor {
    let axes = (0..<g.rank).map { $0 == axis }
    if log { return try g - y.exp() * reduce(.sum, g, axes: axes) }
    return try y * (g - reduce(.sum, g * y, axes: axes))
  }
}
