import Support

extension Tensor {
  /// Returns the elements in row-major order in another shape; one size may be -1 and is computed. A view where the
  /// layout allows it.
  /// - Throws: `shape` if the number of elements differs.
  public func reshaped(_ dimensions: [Int]) throws -> Tensor {
    var sizes = dimensions
    let free = sizes.indices.filter { sizes[$0] == -1 }
    if free.count == 1 {
      sizes[free[0]] = 1
      let known = try Shape(sizes).count
      guard known > 0, count % known == 0 else {
        throw PareError(.shape, "[reshape] shape \(shape) does not fit \(dimensions)", op: "reshape")
      }
      sizes[free[0]] = count / known
    }
    guard free.count <= 1 else {
      throw PareError(.shape, "[reshape] \(dimensions) leaves more than one size open", op: "reshape")
    }
    return try reshaped(Shape(sizes))
  }

  /// Returns the elements in row-major order in another shape.
  @_disfavoredOverload
  public func reshaped(_ target: Shape) throws -> Tensor {
    try target.validate()
    guard target.count == count else {
      throw PareError(
        .shape, "[reshape] shape \(shape) does not fit \(target)", expected: "\(count) elements", got: "\(target.count)",
        op: "reshape")
    }
    if target == shape { return self }
    let result: Tensor
    if isContiguous {
      result = view(target, target.rowMajor)
    } else if let layout = viewLayout(target) {
      result = view(target, layout)
    } else {
      result = try detached().contiguous().view(target, target.rowMajor)
    }
    guard records else { return result }
    let origin = shape
    return result.recorded("reshape", self, repeatable: true) { g, pullback in try pullback.add(0, g.reshaped(origin)) }
  }

  /// The strides of `target` over the same memory; nil where there are none. Neighbouring axes whose elements are a constant
  /// step apart are one run, and every run must be divided by itself.
  private func viewLayout(_ target: Shape) -> Dims? {
    guard count > 0 else { return nil }
    var result = Dims(repeating: 1, rank: target.rank)
    var next = target.rank - 1
    // The run that is being gathered, from its last axis on: its elements and the step between them.
    var (run, step) = (1, 1)
    func divided() -> Bool {
      var filled = 1
      while next >= 0, filled < run || target.dims[next] == 1 {
        result[next] = filled * step
        filled *= target.dims[next]
        next -= 1
      }
      return filled == run
    }
    for axis in stride(from: rank - 1, through: 0, by: -1) where shape.dims[axis] != 1 {
      if run > 1, layout[axis] != run * step {
        guard divided() else { return nil }
        run = 1
      }
      if run == 1 { step = layout[axis] }
      run *= shape.dims[axis]
    }
    return divided() ? result : nil
  }

  /// Joins the axes before `axis` into one and those from `axis` on into another, as ONNX Flatten: always two axes.
  public func flattened(from axis: Int = 1) throws -> Tensor {
    let axis = axis == rank ? rank : try axis < 0 ? shape.axis(axis, "flatten") : axis
    guard axis <= rank else { throw PareError(.argument, "[flatten] axis \(axis) does not exist in shape \(shape)", argument: "axis") }
    var (rows, columns) = (1, 1)
    for i in 0..<rank {
      if i < axis { rows *= shape.dims[i] } else { columns *= shape.dims[i] }
    }
    return try reshaped(Shape([rows, columns]))
  }

  /// Returns a view with two axes exchanged.
  public func transposed(_ a: Int = -2, _ b: Int = -1) throws -> Tensor {
    let (a, b) = (try shape.axis(a, "transpose"), try shape.axis(b, "transpose"))
    if a == b { return self }
    var (dims, layout) = (shape.dims, layout)
    (dims[a], dims[b]) = (dims[b], dims[a])
    (layout[a], layout[b]) = (layout[b], layout[a])
    let result = view(Shape(dims), layout)
    guard records else { return result }
    return result.recorded("transpose", self, repeatable: true) { g, pullback in try pullback.add(0, g.transposed(a, b)) }
  }

  /// Returns a view whose axis `i` is this tensor's axis `order[i]`.
  /// - Throws: `argument` if `order` does not name every axis once.
  public func permuted(_ order: [Int]) throws -> Tensor {
    let axes = try order.map { try shape.axis($0, "permute") }
    guard axes.count == rank, Set(axes).count == rank else {
      throw PareError(
        .argument, "[permute] \(order) does not name every axis of \(shape) once", argument: "order", op: "permute")
    }
    var (dims, layout) = (shape.dims, layout)
    var inverse = axes
    for (i, axis) in axes.enumerated() {
      dims[i] = shape.dims[axis]
      layout[i] = self.layout[axis]
      inverse[axis] = i
    }
    let result = view(Shape(dims), layout)
    guard records else { return result }
    let back = inverse
    return result.recorded("permute", self, repeatable: true) { g, pullback in try pullback.add(0, g.permuted(back)) }
  }

  /// Returns every `step`-th element of from..<to along one axis, as a view. Negative bounds count from the end; bounds
  /// beyond the axis are an error. A negative step walks from `to - 1` down to `from`.
  public func slice(axis: Int, from: Int = 0, to: Int? = nil, step: Int = 1) throws -> Tensor {
    let axis = try shape.axis(axis, "slice")
    let size = shape.dims[axis]
    let begin = from < 0 ? from + size : from
    let end = to.map { $0 < 0 ? $0 + size : $0 } ?? size
    guard step != 0, step != Int.min, begin >= 0, end <= size, begin <= end else {
      throw PareError(
        .argument, "[slice] \(from)..<\(to ?? size) by \(step) lies outside axis \(axis) of shape \(shape)",
        argument: "slice", expected: "0...\(size)", op: "slice")
    }
    let stride = step.magnitude
    let length = begin == end ? 0 : (end - begin - 1) / Int(stride) + 1
    if length == size && step == 1 { return self }
    var layout = layout
    let first = step > 0 ? begin : end - 1
    let start = offset + (length == 0 ? 0 : first * layout[axis])
    // A step beyond the axis keeps one element, whose stride is never used.
    layout[axis] = length <= 1 ? layout[axis] : layout[axis] * step
    let result = view(shape.replacing(axis, with: length), layout, offset: start)
    guard records else { return result }
    let origin = shape
    let place = SlicePlace(axis: axis, from: begin, to: end, step: step)
    return result.recorded("slice", self, repeatable: true) { g, pullback in
      if pullback.createsGraph { try pullback.add(0, g.embedded(in: origin, place)) } else { pullback.add(0, g, at: place) }
    }
  }

  /// Returns zeros of `shape` with this tensor as the given slice: the gradient of `slice`.
  func embedded(in shape: Shape, _ place: SlicePlace) throws -> Tensor {
    let whole = try Tensor.zeros(shape, dtype)
    try Compute.backend.copy(detached(), into: whole.slice(axis: place.axis, from: place.from, to: place.to, step: place.step))
    guard records else { return whole }
    return whole.recorded("embed", self, repeatable: true) { g, pullback in
      try pullback.add(0, g.slice(axis: place.axis, from: place.from, to: place.to, step: place.step))
    }
  }

  /// Returns `length` elements along one axis, from `start` on, as a view.
  public func narrowed(axis: Int, start: Int, length: Int) throws -> Tensor {
    let (end, overflow) = start.addingReportingOverflow(length)
    let at = try shape.axis(axis, "narrow")
    guard start >= 0, length >= 0, !overflow, end <= shape.dims[at] else {
      throw PareError(
        .argument, "[narrow] \(length) elements from \(start) lie outside axis \(axis) of shape \(shape)", op: "narrow")
    }
    return try slice(axis: at, from: start, to: end)
  }

  /// Returns the sub-tensor at one position of an axis, without that axis, as a view.
  public func select(axis: Int, index: Int) throws -> Tensor {
    let axis = try shape.axis(axis, "select")
    let size = shape.dims[axis]
    let position = index < 0 ? index + size : index
    guard position >= 0, position < size else {
      throw PareError(
        .argument, "[select] index \(index) lies outside axis \(axis) of shape \(shape)", argument: "index",
        expected: "\(-size)..<\(size)", op: "select")
    }
    return try slice(axis: axis, from: position, to: position + 1).squeezed(axis)
  }

  /// Returns a view in which axes of size 1 are repeated to reach `target` (NumPy's broadcasting).
  public func expanded(to target: Shape) throws -> Tensor {
    if target == shape { return self }
    guard try Shape.broadcast(shape, target, "expand") == target else {
      throw PareError(.shape, "[expand] shape \(shape) does not broadcast to \(target)", op: "expand")
    }
    let result = view(target, broadcastLayout(target))
    guard records else { return result }
    let origin = shape
    return result.recorded("expand", self, repeatable: true) { g, pullback in try pullback.add(0, g.reduced(to: origin)) }
  }

  /// Returns a view without one axis of size 1.
  public func squeezed(_ axis: Int) throws -> Tensor {
    let axis = try shape.axis(axis, "squeeze")
    guard shape.dims[axis] == 1 else {
      throw PareError(.shape, "[squeeze] axis \(axis) of shape \(shape) has size \(shape.dims[axis])", expected: "1", op: "squeeze")
    }
    var (dims, layout) = (Dims(), Dims())
    for i in 0..<rank where i != axis {
      dims.append(shape.dims[i])
      layout.append(self.layout[i])
    }
    let result = view(Shape(dims), layout)
    guard records else { return result }
    return result.recorded("squeeze", self, repeatable: true) { g, pullback in try pullback.add(0, g.unsqueezed(axis)) }
  }

  /// Returns a view with a new axis of size 1 before `axis`; -1 puts it last.
  public func unsqueezed(_ axis: Int) throws -> Tensor {
    let position = axis < 0 ? axis + rank + 1 : axis
    guard position >= 0, position <= rank, rank < Dims.maxRank else {
      throw PareError(
        .argument, "[unsqueeze] axis \(axis) cannot be added to shape \(shape)", argument: "axis",
        expected: "\(-rank - 1)...\(rank), at most \(Dims.maxRank) axes", op: "unsqueeze")
    }
    var (dims, layout) = (Dims(), Dims())
    for i in 0...rank {
      if i == position {
        dims.append(1)
        layout.append(1)
      }
      if i < rank {
        dims.append(shape.dims[i])
        layout.append(self.layout[i])
      }
    }
    let result = view(Shape(dims), layout)
    guard records else { return result }
    return result.recorded("unsqueeze", self, repeatable: true) { g, pullback in try pullback.add(0, g.squeezed(position)) }
  }

  /// Returns the same elements, densely in row-major order; itself if they lie so.
  public func contiguous() throws -> Tensor { isContiguous ? self : try laidOut(shape.rowMajor) }

  /// Returns the same elements with a 4-D tensor's channels innermost in memory (N, H, W, C); others row-major.
  public func channelsLast() throws -> Tensor {
    let target = Tensor.channelsLastLayout(shape)
    return Tensor.isSame(layout, target, shape) ? self : try laidOut(target)
  }

  /// Returns a copy with the given dense layout.
  package func laidOut(_ layout: Dims) throws -> Tensor {
    let result = try Tensor.empty(shape, dtype, layout: layout)
    try Compute.backend.copy(self.detached(), into: result)
    guard records else { return result }
    return result.recorded("copy", self, repeatable: true) { g, pullback in pullback.add(0, g) }
  }

  /// Returns the same elements in reversed order along one axis, as a view.
  public func flipped(axis: Int) throws -> Tensor { try slice(axis: axis, step: -1) }

  /// Returns the elements converted: to narrower floats rounded to nearest even, to integers truncated and saturated with
  /// NaN as 0, between integers wrapped, to bool whether they differ from 0. Itself if the dtype is the same.
  public func converted(to dtype: DType) throws -> Tensor {
    if dtype == self.dtype { return self }
    let result = try Compute.backend.convert(detached(), to: dtype)
    guard records, dtype.isFloating else { return result }
    let origin = self.dtype
    return result.recorded("convert", self, repeatable: true) { g, pullback in try pullback.add(0, g.converted(to: origin)) }
  }

  /// Sums a gradient over the axes along which `shape` was broadcast to it.
  func reduced(to target: Shape) throws -> Tensor {
    if target == shape { return self }
    let shift = rank - target.rank
    let axes = (0..<rank).map { $0 < shift || (target.dims[$0 - shift] == 1 && shape.dims[$0] != 1) }
    return try sum(axes: axes.indices.filter { axes[$0] }).reshaped(target)
  }
}
