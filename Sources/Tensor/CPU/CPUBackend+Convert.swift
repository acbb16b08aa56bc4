import CKernels

/// Conversions and copies between layouts: rows and blocks by the kernels of `Convert.h`.
extension CPUBackend {
  func convert(_ x: Tensor, to dtype: DType) throws -> Tensor {
    if x.dtype == dtype { return x }
    let type = dtype.element
    return try mapped(x, dtype) { pare_convert(type, $0, $1, $2) }
  }

  func copy(_ x: Tensor, into target: Tensor) throws {
    let nest = LoopNest(x.shape, target.layout, x.layout)
    let size = x.dtype.size
    let (r, p) = (target.address, UnsafeRawPointer(x.address))
    let (last, stride) = (nest.sizes.rank - 1, nest.inner(1))
    // Only rows that are dense in the target are written by kernels.
    guard nest.inner(0) == 1 || x.count <= 1 else { return try reference.copy(x, into: target) }
    if stride != 0, stride != 1, let axis = (0..<last).first(where: { nest.strides[1][$0] == 1 }) {
      return try transpose(nest, axis, size, r, p)
    }
    try nest.forEachRow { n, o, i, _, _ in pare_copy_row(size, r + o * size, p + i * size, stride, n) }
  }

  /// Copies where neighbours along the last axis of the target are apart in the source, and those along `axis` are
  /// neighbours there: matrices that change between rows and columns.
  private func transpose(
    _ nest: LoopNest, _ axis: Int, _ size: Int, _ r: UnsafeMutableRawPointer, _ p: UnsafeRawPointer
  ) throws {
    let last = nest.sizes.rank - 1
    let (rows, columns) = (nest.sizes[axis], nest.sizes[last])
    let (rowStep, columnStep) = (nest.strides[0][axis], nest.strides[1][last])
    // Parts of whole tiles of the kernel.
    let height = max(64, LoopNest.grain / max(columns, 1) / 64 * 64)
    let parts = (rows + height - 1) / height
    var matrices = 1
    for i in 0..<last where i != axis { matrices *= nest.sizes[i] }
    let grain = max(1, LoopNest.grain / max(min(rows, height) * columns, 1))
    try Compute.parallel(matrices * parts, grain: grain) { part in
      for unit in part {
        let first = unit % parts * height
        var rest = unit / parts
        var (o, i) = (first * rowStep, first)
        for k in Swift.stride(from: last - 1, through: 0, by: -1) where k != axis {
          let position = rest % nest.sizes[k]
          rest /= nest.sizes[k]
          o += position * nest.strides[0][k]
          i += position * nest.strides[1][k]
        }
        pare_transpose(size, r + o * size, rowStep, p + i * size, columnStep, min(height, rows - first), columns)
      }
    }
  }
}
