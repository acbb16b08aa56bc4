import Support

extension Tensor {
  /// The largest element under each position of a window over [N, C, spatial..], one to three spatial axes.
  ///
  /// - Parameters:
  ///   - kernel, strides, dilations: one number for each spatial axis, or one for all; strides are the kernel's size when empty.
  ///   - padding: as in `conv`; padding is never the maximum.
  ///   - ceil: round the result's size up.
  /// - Dtypes: floats, i8, u8.
  public func maxPool(
    kernel: [Int], strides: [Int] = [], padding: [Int] = [0], dilations: [Int] = [1], ceil: Bool = false
  ) throws -> Tensor {
    try pooled("maxPool", kernel, strides, padding, dilations, ceil) { x, p in
      let tracked = x.records
      let (y, workspace) = try Compute.backend.maxPool(x.detached(), p, training: tracked)
      guard tracked, let workspace else { return y }
      let origin = x.shape
      return y.recorded("maxPool", x) { g, pullback in
        try pullback.add(0, Compute.backend.maxPoolGradient(g, workspace: workspace, inputShape: origin, p))
      }
    }
  }

  /// The mean of the elements under each position of a window over [N, C, spatial..], one to three spatial axes.
  /// - Parameters: as in `maxPool`; `countIncludePad`: whether padding counts in the divisor.
  public func averagePool(
    kernel: [Int], strides: [Int] = [], padding: [Int] = [0], dilations: [Int] = [1], ceil: Bool = false,
    countIncludePad: Bool = false
  ) throws -> Tensor {
    try pooled("averagePool", kernel, strides, padding, dilations, ceil) { x, p in
      // The libraries' average has no dilation.
      let backend: any Backend = p.dilationHeight == 1 && p.dilationWidth == 1 ? Compute.backend : ReferenceBackend()
      let y = try backend.averagePool(x.detached(), p, countIncludePad: countIncludePad)
      guard x.records else { return y }
      let origin = x.shape
      return y.recorded("averagePool", x) { g, pullback in
        try pullback.add(0, backend.averagePoolGradient(g, inputShape: origin, p, countIncludePad: countIncludePad))
      }
    }
  }

  /// The p-norm of the elements under each position of a window: (sum of |x|^p)^(1/p). The gradient is 0 where all are 0.
  /// - Parameters: as in `maxPool`; padding counts as 0.
  public func lpPool(
    p: Double = 2, kernel: [Int], strides: [Int] = [], padding: [Int] = [0], dilations: [Int] = [1], ceil: Bool = false
  ) throws -> Tensor {
    guard p >= 1, p.isFinite else { throw PareError(.argument, "[lpPool] p is \(p)", argument: "p", expected: "a number from 1", op: "lpPool") }
    let w = try poolWindow("lpPool", kernel, strides, padding, dilations, ceil)
    // With its own zeros around it, and as many as the last window needs, every window holds the same number of elements.
    let outputs = try w.output("lpPool", Array(shape[2...]))
    let ends = outputs.indices.map { axis in
      Swift.max(w.ends[axis], (outputs[axis] - 1) * w.strides[axis] + w.reach(axis) - w.begins[axis] - shape.dims[axis + 2])
    }
    let powers = try (p == 2 ? square() : p == 1 ? abs() : abs().pow(p)).padded([0, 0] + w.begins + [0, 0] + ends)
    let means = try powers.averagePool(kernel: w.kernel, strides: w.strides, dilations: w.dilations)
    let cut = try outputs.indices.reduce(means) { try $0.narrowed(axis: $1 + 2, start: 0, length: outputs[$1]) }
    return try (cut * Double(Shape(w.kernel).count)).root(p)
  }

  /// The p-th root of numbers from 0, with gradient 0 at 0.
  private func root(_ p: Double) throws -> Tensor {
    if p == 1 { return self }
    let zero = try detached().eq(0)
    let safe = try Tensor.where(zero, Tensor.scalar(1, dtype), self)
    return try Tensor.where(zero, Tensor.scalar(0, dtype), p == 2 ? safe.sqrt() : safe.pow(1 / p))
  }

  /// The largest element under each position of a window, and where it stands: its flat position among the spatial axes,
  /// i64; the first of equal ones. Parameters as in `maxPool`; each padding must be smaller than the dilated kernel.
  public func maxPoolWithIndices(
    kernel: [Int], strides: [Int] = [], padding: [Int] = [0], dilations: [Int] = [1], ceil: Bool = false
  ) throws -> (values: Tensor, indices: Tensor) {
    let w = try poolWindow("maxPool", kernel, strides, padding, dilations, ceil)
    for axis in w.kernel.indices where Swift.max(w.begins[axis], w.ends[axis]) >= w.reach(axis) {
      throw PareError(
        .argument, "[maxPool] padding \(padding) and kernel \(kernel)", argument: "padding",
        expected: "less than the dilated kernel, so that each window sees an element", op: "maxPool")
    }
    let x = detached()
    let plane = w.kernel.count == 3 ? 1 : 0
    // Positions within the last two axes; those of the depth, if there is one, choose among them.
    func positions(_ x: Tensor, _ p: Window) throws -> Tensor {
      guard x.count > 0, let found = try ReferenceBackend().maxPool(x, p, training: true).workspace else {
        let size = p.output(height: x.shape.dims[2], width: x.shape.dims[3])
        return try Tensor.zeros(Shape([x.shape.dims[0], x.shape.dims[1], size.height, size.width]), .i64)
      }
      return found
    }
    var found: Tensor
    let (n, c) = (shape.dims[0], shape.dims[1])
    let outputs = try w.output("maxPool", Array(shape[2...]))
    if w.kernel.count == 1 {
      found = try positions(x.unsqueezed(2), w.row(0))
    } else {
      let (height, width) = (shape.dims[rank - 2], shape.dims[rank - 1])
      let depth = plane == 1 ? shape.dims[2] : 1
      found = try positions(x.reshaped(Shape([n, c * depth, height, width])), w.image(from: plane))
      if plane == 1 {
        let inner = outputs[1] * outputs[2]
        let flat = try x.reshaped(Shape([n, c, depth, height * width]))
        let within = try found.reshaped(Shape([n, c, depth, inner]))
        let slices = try flat.gatherElements(axis: 3, indices: within)
        let chosen = try positions(slices, w.column(0))
        // A position of the plane of slices: its row is the depth.
        let row = try chosen / Double(Swift.max(inner, 1))
        found = try within.gatherElements(axis: 2, indices: row) + row * Double(height * width)
      }
    }
    guard try found.count == 0 || found.min().item() >= 0 else {
      throw PareError(.shape, "[maxPool] a window over input \(shape) sees nothing but padding", op: "maxPool")
    }
    found = try found.reshaped(Shape([n, c] + outputs))
    let inner = try Shape(outputs).count
    let all = try reshaped(Shape([n, c, Shape(Array(shape[2...])).count]))
    let values = try all.gatherElements(axis: 2, indices: found.reshaped(Shape([n, c, inner])))
    return (try values.reshaped(found.shape), found)
  }

  /// Puts elements back to where `maxPoolWithIndices` found them; everything else is 0.
  /// - Parameters:
  ///   - indices: i64, of this tensor's shape, flat positions among the spatial axes of the result.
  ///   - sizes: the spatial sizes of the result.
  /// - Throws: `argument` naming the first position outside.
  public func maxUnpool(indices: Tensor, sizes: [Int]) throws -> Tensor {
    guard rank >= 3, indices.shape == shape, sizes.count == rank - 2, sizes.allSatisfy({ $0 >= 0 }) else {
      throw PareError(
        .shape, "[maxUnpool] input \(shape), indices \(indices.shape), sizes \(sizes)",
        expected: "[N, C, spatial..], the same, and one size for each spatial axis", op: "maxUnpool")
    }
    let (n, c) = (shape.dims[0], shape.dims[1])
    let rows = try Shape([n, c, Shape(Array(shape[2...])).count])
    let target = try Tensor.zeros(Shape([n, c, Shape(sizes).count]), dtype)
    return try target.scatterElements(axis: 2, indices: indices.reshaped(rows), values: reshaped(rows))
      .reshaped(Shape([n, c] + sizes))
  }

  // MARK: Over all positions

  /// The mean over all spatial axes: [N, C, ..] to [N, C, 1, ..].
  public func globalAveragePool() throws -> Tensor { try mean(axes: spatialAxes("globalAveragePool"), keepDims: true) }

  /// The maximum over all spatial axes: [N, C, ..] to [N, C, 1, ..].
  public func globalMaxPool() throws -> Tensor { try max(axes: spatialAxes("globalMaxPool"), keepDims: true) }

  /// The p-norm over all spatial axes: [N, C, ..] to [N, C, 1, ..].
  public func globalLpPool(p: Double = 2) throws -> Tensor { try norm(p, axes: spatialAxes("globalLpPool"), keepDims: true) }

  private func spatialAxes(_ op: String) throws -> [Int] {
    guard rank >= 3 else { throw PareError(.shape, "[\(op)] input \(shape)", expected: "[N, C, spatial..]", op: op) }
    return Array(2..<rank)
  }

  // MARK: To a given size

  /// The mean over as many parts of each spatial axis as `sizes` says; parts of uneven lengths overlap, as in PyTorch.
  /// - Parameter sizes: one for each spatial axis; nil keeps the axis.
  public func adaptiveAveragePool(_ sizes: [Int?]) throws -> Tensor {
    try adaptive("adaptiveAveragePool", sizes) { x, axis, parts in
      let rows = parts.map { part in part.map { (index: $0, weight: 1 / Double(part.count)) } }
      return try x.mapped(AxisMap(inputs: x.shape.dims[axis], rows: rows), axis: axis)
    }
  }

  /// The maximum over as many parts of each spatial axis as `sizes` says; parts of uneven lengths overlap, as in PyTorch.
  /// - Parameter sizes: one for each spatial axis; nil keeps the axis.
  public func adaptiveMaxPool(_ sizes: [Int?]) throws -> Tensor {
    try adaptive("adaptiveMaxPool", sizes) { x, axis, parts in
      // Shorter parts repeat their last position, which changes no maximum.
      let longest = parts.reduce(1) { Swift.max($0, $1.count) }
      let indices = parts.flatMap { part in (0..<longest).map { Int64(part.lowerBound + Swift.min($0, part.count - 1)) } }
      let taken = try x.gather(axis: axis, indices: Tensor(indices, shape: Shape([parts.count, longest])))
      let first = try taken.detached().argmax(axis: axis + 1, keepDims: true)
      return try taken.gatherElements(axis: axis + 1, indices: first).squeezed(axis + 1)
    }
  }

  private func adaptive(
    _ op: String, _ sizes: [Int?], _ pool: (Tensor, _ axis: Int, [Range<Int>]) throws -> Tensor
  ) throws -> Tensor {
    guard rank >= 3, sizes.count == rank - 2, sizes.allSatisfy({ ($0 ?? 1) >= 1 }), count > 0 else {
      throw PareError(.shape, "[\(op)] input \(shape) to \(sizes.map { $0.map(String.init) ?? "nil" })",
                      expected: "[N, C, spatial..], not empty, and one size from 1 for each spatial axis", op: op)
    }
    var result = self
    for (i, size) in sizes.enumerated() {
      let n = shape.dims[i + 2]
      guard let size, size != n else { continue }
      try shape.replacing(i + 2, with: size).validate()
      result = try pool(result, i + 2, (0..<size).map { ($0 * n) / size..<(($0 + 1) * n + size - 1) / size })
    }
    return result
  }

  // MARK: Geometry

  private func poolWindow(
    _ op: String, _ kernel: [Int], _ strides: [Int], _ padding: [Int], _ dilations: [Int], _ ceil: Bool
  ) throws -> SlidingWindow {
    guard (3...5).contains(rank) else {
      throw PareError(.shape, "[\(op)] input \(shape)", expected: "[N, C, one to three spatial axes]", op: op)
    }
    let w = try SlidingWindow(
      op, axes: rank - 2, kernel: kernel, strides: strides.isEmpty ? kernel : strides, padding: padding,
      dilations: dilations, ceil: ceil)
    _ = try w.output(op, Array(shape[2...]))
    return w
  }

  /// Pools two axes at a time: a single one as a row, a third one, the depth, after the other two. Maxima and means over
  /// boxes are those over their sides in turn.
  private func pooled(
    _ op: String, _ kernel: [Int], _ strides: [Int], _ padding: [Int], _ dilations: [Int], _ ceil: Bool,
    _ pool: (Tensor, Window) throws -> Tensor
  ) throws -> Tensor {
    let w = try poolWindow(op, kernel, strides, padding, dilations, ceil)
    switch rank {
    case 3: return try pool(unsqueezed(2), w.row(0)).squeezed(2)
    case 4: return try pool(self, w.image(from: 0))
    default:
      let (n, c, depth) = (shape.dims[0], shape.dims[1], shape.dims[2])
      let planes = try pool(reshaped(Shape([n, c * depth, shape.dims[3], shape.dims[4]])), w.image(from: 1))
      let (height, width) = (planes.shape.dims[2], planes.shape.dims[3])
      let y = try pool(planes.reshaped(Shape([n, c, depth, height * width])), w.column(0))
      return try y.reshaped(Shape([n, c, y.shape.dims[2], height, width]))
    }
  }
}

extension SlidingWindow {
  /// Two neighbouring axes as the backend sees them.
  func image(from axis: Int) -> Window {
    var p = column(axis)
    let row = row(axis + 1)
    (p.kernelWidth, p.strideWidth, p.dilationWidth, p.left, p.right) =
      (row.kernelWidth, row.strideWidth, row.dilationWidth, row.left, row.right)
    return p
  }

  /// One axis as the width of images of height 1.
  func row(_ axis: Int) -> Window {
    var p = Window()
    (p.kernelWidth, p.strideWidth, p.dilationWidth) = (kernel[axis], strides[axis], dilations[axis])
    (p.left, p.right, p.ceil) = (begins[axis], ends[axis], ceil)
    return p
  }

  /// One axis as the height of images whose columns are left alone.
  func column(_ axis: Int) -> Window {
    var p = Window()
    (p.kernelHeight, p.strideHeight, p.dilationHeight) = (kernel[axis], strides[axis], dilations[axis])
    (p.top, p.bottom, p.ceil) = (begins[axis], ends[axis], ceil)
    return p
  }
}
