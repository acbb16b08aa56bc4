import Support

extension Tensor {
  /// The largest element under each position of a window over [N, C, H, W] (or [N, C, L]).
  ///
  /// - Parameters:
  ///   - strides: the kernel's size when empty.
  ///   - padding: as in `conv`; padding is never the maximum.
  ///   - ceil: round the result's size up.
  /// - Dtypes: floats, i8, u8.
  public func maxPool(
    kernel: [Int], strides: [Int] = [], padding: [Int] = [0], dilations: [Int] = [1], ceil: Bool = false
  ) throws -> Tensor {
    if rank == 3 {
      return try pooledRow(kernel, strides, padding) {
        try $0.maxPool(kernel: $1, strides: $2, padding: $3, dilations: [1] + dilations, ceil: ceil)
      }
    }
    let p = try poolWindow("maxPool", kernel, strides, padding, dilations, ceil)
    let tracked = records
    let (y, workspace) = try Compute.backend.maxPool(detached(), p, training: tracked)
    guard tracked, let workspace else { return y }
    let origin = shape
    return y.recorded("maxPool", self) { g, pullback in
      try pullback.add(0, Compute.backend.maxPoolGradient(g, workspace: workspace, inputShape: origin, p))
    }
  }

  /// The mean of the elements under each position of a window over [N, C, H, W] (or [N, C, L]).
  /// - Parameter countIncludePad: whether padding counts in the divisor.
  public func averagePool(
    kernel: [Int], strides: [Int] = [], padding: [Int] = [0], ceil: Bool = false, countIncludePad: Bool = false
  ) throws -> Tensor {
    if rank == 3 {
      return try pooledRow(kernel, strides, padding) {
        try $0.averagePool(kernel: $1, strides: $2, padding: $3, ceil: ceil, countIncludePad: countIncludePad)
      }
    }
    let p = try poolWindow("averagePool", kernel, strides, padding, [1], ceil)
    let y = try Compute.backend.averagePool(detached(), p, countIncludePad: countIncludePad)
    guard records else { return y }
    let origin = shape
    return y.recorded("averagePool", self) { g, pullback in
      try pullback.add(
        0, Compute.backend.averagePoolGradient(g, inputShape: origin, p, countIncludePad: countIncludePad))
    }
  }

  /// The mean over all spatial axes: [N, C, ..] to [N, C, 1, ..].
  public func globalAveragePool() throws -> Tensor {
    guard rank >= 3 else { throw PareError(.shape, "[globalAveragePool] input \(shape)", expected: "[N, C, spatial..]", op: "globalAveragePool") }
    return try mean(axes: Array(2..<rank), keepDims: true)
  }

  /// The maximum over all spatial axes: [N, C, ..] to [N, C, 1, ..].
  public func globalMaxPool() throws -> Tensor {
    guard rank >= 3 else { throw PareError(.shape, "[globalMaxPool] input \(shape)", expected: "[N, C, spatial..]", op: "globalMaxPool") }
    return try max(axes: Array(2..<rank), keepDims: true)
  }

  private func pooledRow(
    _ kernel: [Int], _ strides: [Int], _ padding: [Int], _ pool: (Tensor, [Int], [Int], [Int]) throws -> Tensor
  ) throws -> Tensor {
    let pads = padding.count == 2 ? [0, padding[0], 0, padding[1]] : [0, padding.first ?? 0]
    return try pool(unsqueezed(2), [1] + kernel, [1] + (strides.isEmpty ? kernel : strides), pads).squeezed(2)
  }

  private func poolWindow(
    _ op: String, _ kernel: [Int], _ strides: [Int], _ padding: [Int], _ dilations: [Int], _ ceil: Bool
  ) throws -> Window {
    guard rank == 4 else { throw PareError(.shape, "[\(op)] input \(shape)", expected: "[N, C, H, W]", op: op) }
    let p = try Window(
      op, kernel: kernel, strides: strides.isEmpty ? kernel : strides, padding: padding, dilations: dilations, ceil: ceil)
    try p.check(op, shape)
    return p
  }
}
