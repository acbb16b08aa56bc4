import CKernels

/// Softmax and its gradient along any axis: rows and columns by the kernels of `Softmax.h`.
extension CPUBackend {
  func softmax(_ x: Tensor, axis: Int, log: Bool) throws -> Tensor {
    switch x.dtype {
    case .f32, .f64: break
    case .f16, .bf16: return try convert(softmax(convert(x, to: .f32), axis: axis, log: log), to: x.dtype)
    default: return try reference.softmax(x, axis: axis, log: log)
    }
    let x = x.isDense ? x : try x.contiguous()
    let out = try Tensor.empty(x.shape, x.dtype, layout: x.layout)
    let (p, r, type) = (UnsafeRawPointer(x.address), out.address, x.dtype.element)
    try forEachGroup(x, axis) { offset, count, n, step in
      pare_softmax(log ? 1 : 0, type, r + offset, p + offset, count, n, step)
    }
    withExtendedLifetime(x) {}
    return out
  }

  func softmaxGradient(_ g: Tensor, output y: Tensor, axis: Int, log: Bool) throws -> Tensor {
    switch y.dtype {
    case .f32, .f64: break
    case .f16, .bf16:
      return try convert(
        softmaxGradient(convert(g, to: .f32), output: convert(y, to: .f32), axis: axis, log: log), to: y.dtype)
    default: return try reference.softmaxGradient(g, output: y, axis: axis, log: log)
    }
    let y = y.isDense ? y : try y.contiguous()
    let g = Tensor.isSame(g.layout, y.layout, y.shape) ? g : try g.detached().laidOut(y.layout)
    let out = try Tensor.empty(y.shape, y.dtype, layout: y.layout)
    let (p, q, r, type) = (UnsafeRawPointer(g.address), UnsafeRawPointer(y.address), out.address, y.dtype.element)
    try forEachGroup(y, axis) { offset, count, n, step in
      pare_softmax_gradient(log ? 1 : 0, type, r + offset, p + offset, q + offset, count, n, step)
    }
    withExtendedLifetime((g, y)) {}
    return out
  }

  /// A dense tensor as matrices of `n` rows along `axis` and, by the axis's stride, neighbouring columns: calls
  /// `body(offset in bytes, count, n, step)` for parts of them; rows one after the other where the stride is 1.
  @inline(__always)
  private func forEachGroup(_ x: Tensor, _ axis: Int, _ body: (Int, Int, Int, Int) -> Void) throws {
    let (n, size) = (x.shape.dims[axis], x.dtype.size)
    guard x.count > 0 else { return }
    let step = n == 1 ? 1 : x.layout[axis]
    let groups = x.count / n
    // An exponential is worth some additions.
    let grain = max(1, LoopNest.grain / 4 / n)
    try Compute.parallel(groups, grain: grain) { part in
      if step == 1 { return body(part.lowerBound * n * size, part.count, n, 1) }
      var first = part.lowerBound
      while first < part.upperBound {
        let column = first % step
        let count = min(step - column, part.upperBound - first)
        body((first / step * n * step + column) * size, count, n, step)
        first += count
      }
    }
  }
}
