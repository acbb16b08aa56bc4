extension ReferenceBackend {
  func copy(_ x: Tensor, into target: Tensor) throws {
    let nest = LoopNest(x.shape, target.layout, x.layout)
    let (q, p, size) = (target.address, x.address, x.dtype.size)
    let (s, t) = (nest.inner(0), nest.inner(1))
    try nest.forEachRow { n, o, i, _, _ in
      for k in 0..<n { (q + (o + k * s) * size).copyMemory(from: p + (i + k * t) * size, byteCount: size) }
    }
  }

  /// Rounds floats to nearest-even; to integers truncates, saturates, and takes NaN to 0; to bool asks for not 0.
  func convert(_ x: Tensor, to dtype: DType) throws -> Tensor {
    if x.dtype == dtype { return x }
    return x.dtype.isFloating ? try x.mapped(dtype, numbers: { $0 }) : try x.mapped(dtype, integers: { $0 })
  }
}
