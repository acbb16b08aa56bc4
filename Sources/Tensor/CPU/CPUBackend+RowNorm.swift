import CKernels

/// Layer and root-mean-square normalization of f32 rows in one pass over memory.
extension CPUBackend {
  func rowNorm(_ x: Tensor, width: Int, scale: Tensor?, shift: Tensor?, epsilon: Double, centred: Bool) throws -> (y: Tensor, RowStatistics)? {
    guard x.dtype == .f32, x.count > 0 else { return nil }
    Compute.prepareLibraries()
    let (x, scale, shift) = (try x.contiguous(), try scale?.contiguous(), try shift?.contiguous())
    let rows = x.count / width
    let y = try Tensor.empty(x.shape, .f32), mean = try Tensor.empty([rows], .f32), inverse = try Tensor.empty([rows], .f32)
    withExtendedLifetime((x, scale, shift)) {
      pare_layernorm(
        x.pointer(Float.self), scale?.pointer(Float.self), shift?.pointer(Float.self), y.pointer(Float.self),
        mean.pointer(Float.self), inverse.pointer(Float.self), rows, width, epsilon, centred ? 1 : 0,
        Int32(truncatingIfNeeded: Compute.threads))
    }
    return (y, RowStatistics(mean: mean, inverse: inverse, centred: centred))
  }

  func rowNormGradient(_ g: Tensor, _ x: Tensor, width: Int, scale: Tensor?, _ statistics: RowStatistics, input: Bool, affine: Bool) throws
    -> (x: Tensor?, scale: Tensor?, shift: Tensor?)
  {
    Compute.prepareLibraries()
    let (g, x, scale) = (try g.contiguous(), try x.contiguous(), try scale?.contiguous())
    let gx = input ? try Tensor.empty(x.shape, .f32) : nil
    let gscale = affine ? try Tensor.empty([width], .f32) : nil, gshift = affine ? try Tensor.empty([width], .f32) : nil
    let work = affine ? try Tensor.empty([Compute.threads, 2, width], .f64) : nil
    withExtendedLifetime((g, x, scale, work)) {
      pare_layernorm_gradient(
        g.pointer(Float.self), x.pointer(Float.self), scale?.pointer(Float.self), statistics.mean.pointer(Float.self),
        statistics.inverse.pointer(Float.self), gx?.pointer(Float.self), gscale?.pointer(Float.self),
        gshift?.pointer(Float.self), work?.pointer(Double.self), x.count / width, width, statistics.centred ? 1 : 0,
        Int32(truncatingIfNeeded: Compute.threads))
    }
    return (gx, gscale, gshift)
  }

  func clipGradient(_ g: Tensor, _ x: Tensor, _ lower: Double, _ upper: Double) throws -> Tensor? {
    guard x.dtype == .f32, g.dtype == .f32, x.isDense else { return nil }
    let g = Tensor.isSame(g.layout, x.layout, x.shape) ? g : try g.laidOut(x.layout)
    let out = try Tensor.empty(x.shape, .f32, layout: x.layout)
    try withExtendedLifetime((g, x)) {
      let (p, q, r) = (g.pointer(Float.self), x.pointer(Float.self), out.pointer(Float.self))
      try Compute.parallel(x.count, grain: 1 << 15) { part in
        pare_clip_gradient(r + part.lowerBound, p + part.lowerBound, q + part.lowerBound, Float(lower), Float(upper), part.count)
      }
    }
    return out
  }
}
