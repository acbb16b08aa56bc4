import Support

/// Sliding windows as an axis of their own, and their opposite, which adds windows where they overlap. Each is the other's
/// gradient.
extension Tensor {
  /// Returns every window along one axis, as a view: the axis counts the windows, a new last axis their elements.
  ///
  /// - Shapes: [.., n, ..] to [.., (n - dilation * (size - 1) - 1) / step + 1, .., size].
  /// - Throws: `argument`, and `shape` if no window fits.
  public func windows(axis: Int, size: Int, step: Int = 1, dilation: Int = 1) throws -> Tensor {
    let axis = try shape.axis(axis, "windows")
    let w = try SlidingWindow("windows", axes: 1, kernel: [size], strides: [step], dilations: [dilation])
    let windows = try w.output("windows", [shape.dims[axis]])[0]
    guard rank < Dims.maxRank else {
      throw PareError(.shape, "[windows] shape \(shape) has no room for another axis", expected: "at most \(Dims.maxRank - 1) axes", op: "windows")
    }
    var (dims, layout) = (shape.dims, layout)
    dims[axis] = windows
    layout[axis] = windows <= 1 ? layout[axis] : self.layout[axis] * step
    dims.append(size)
    layout.append(size <= 1 ? 1 : self.layout[axis] * dilation)
    let result = view(Shape(dims), layout)
    try result.shape.validate()
    guard records else { return result }
    let length = shape.dims[axis]
    return result.recorded("windows", self) { g, pullback in
      try pullback.add(0, g.overlapAdded(axis: axis, length: length, step: step, dilation: dilation))
    }
  }

  /// Adds windows, which the last axis holds, to where they lie along another axis; what no window covers is 0.
  ///
  /// - Shapes: [.., count, .., size] to [.., length, ..].
  /// - Throws: `argument`, and `shape` if the windows reach beyond `length`.
  public func overlapAdded(axis: Int, length: Int, step: Int = 1, dilation: Int = 1) throws -> Tensor {
    guard rank >= 2 else { throw PareError(.shape, "[overlapAdd] shape \(shape)", expected: "[.., count, .., size]", op: "overlapAdd") }
    let axis = try shape.axis(axis, "overlapAdd")
    let (windows, size) = (shape.dims[axis], shape.dims[rank - 1])
    let w = try SlidingWindow("overlapAdd", axes: 1, kernel: [Swift.max(size, 1)], strides: [step], dilations: [dilation])
    guard axis < rank - 1, size > 0, length >= 0, windows <= Swift.max(0, (length - w.reach(0)) / step + 1) else {
      throw PareError(
        .shape, "[overlapAdd] \(windows) windows of \(size) along axis \(axis) of \(shape) do not fit into \(length) positions",
        argument: "length", op: "overlapAdd")
    }
    var dims = shape.dims
    dims.rank -= 1
    dims[axis] = length
    let x = detached()
    let result = try Tensor.zeros(Shape(dims), dtype)
    for k in 0..<(windows == 0 ? 0 : size) {
      let first = k * dilation
      let target = try result.slice(axis: axis, from: first, to: first + (windows - 1) * step + 1, step: step)
      try Compute.backend.copy(target + x.select(axis: -1, index: k), into: target)
    }
    guard records else { return result }
    return result.recorded("overlapAdd", self) { g, pullback in
      // The end may hold positions that no window reaches.
      let covered = (windows - 1) * step + w.reach(0)
      let part = try windows == 0 ? nil : g.slice(axis: axis, from: 0, to: covered)
      try pullback.add(0, part?.windows(axis: axis, size: size, step: step, dilation: dilation) ?? Tensor.zeros(x.shape, x.dtype))
    }
  }

  /// Returns the patch under each position of a window as a column (im2col, PyTorch's unfold).
  ///
  /// - Shapes: [N, C, s1, .., sd] to [N, C * k1 * .. * kd, windows], at most three spatial axes.
  /// - Parameters: as in `conv`.
  public func unfolded(
    kernel: [Int], strides: [Int] = [1], padding: [Int] = [0], dilations: [Int] = [1]
  ) throws -> Tensor {
    let axes = rank - 2
    guard (1...3).contains(axes) else { throw PareError(.shape, "[unfold] input \(shape)", expected: "[N, C, one to three axes]", op: "unfold") }
    let w = try SlidingWindow("unfold", axes: axes, kernel: kernel, strides: strides, padding: padding, dilations: dilations)
    let positions = try w.output("unfold", Array(shape[2...]))
    var y = try padded([0, 0] + w.begins + [0, 0] + w.ends)
    for i in 0..<axes { y = try y.windows(axis: 2 + i, size: w.kernel[i], step: w.strides[i], dilation: w.dilations[i]) }
    let order = [0, 1] + (0..<axes).map { 2 + axes + $0 } + (0..<axes).map { 2 + $0 }
    let rows = try Shape([shape.dims[1]] + w.kernel).count
    return try y.permuted(order).reshaped(Shape([shape.dims[0], rows, Shape(positions).count]))
  }

  /// Adds columns of patches to the image that they come from (col2im, PyTorch's fold, ONNX Col2Im).
  ///
  /// - Shapes: [N, C * k1 * .. * kd, windows] to [N, C, s1, .., sd].
  /// - Parameter sizes: of the image's spatial axes; the others as in `conv`.
  public func folded(
    sizes: [Int], kernel: [Int], strides: [Int] = [1], padding: [Int] = [0], dilations: [Int] = [1]
  ) throws -> Tensor {
    let axes = sizes.count
    guard rank == 3, (1...3).contains(axes), sizes.allSatisfy({ $0 >= 0 && $0 <= 1 << 24 }) else {
      throw PareError(
        .shape, "[fold] columns \(shape) to an image of \(sizes)", expected: "[N, C * kernel, windows] and one to three sizes", op: "fold")
    }
    let w = try SlidingWindow("fold", axes: axes, kernel: kernel, strides: strides, padding: padding, dilations: dilations)
    let positions = try w.output("fold", sizes)
    let patch = try Shape(w.kernel).count
    guard shape.dims[1] % patch == 0, try shape.dims[2] == Shape(positions).count else {
      throw PareError(
        .shape, "[fold] columns \(shape)", expected: "[N, a multiple of \(patch), \(positions.map(String.init).joined(separator: " * "))]", op: "fold")
    }
    var y = try reshaped(Shape([shape.dims[0], shape.dims[1] / patch] + w.kernel + positions))
    y = try y.permuted([0, 1] + (0..<axes).map { 2 + axes + $0 } + (0..<axes).map { 2 + $0 })
    for i in (0..<axes).reversed() {
      y = try y.overlapAdded(
        axis: 2 + i, length: w.begins[i] + sizes[i] + w.ends[i], step: w.strides[i], dilation: w.dilations[i])
    }
    return try y.padded([0, 0] + w.begins.map { -$0 } + [0, 0] + w.ends.map { -$0 })
  }
}
