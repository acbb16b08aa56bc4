import Support

/// Elements in other places: rolled, mirrored, repeated, cut into blocks.
extension Tensor {
  /// Moves elements `shift` places along an axis; what leaves one end enters at the other.
  public func rolled(_ shift: Int, axis: Int) throws -> Tensor {
    let axis = try shape.axis(axis, "roll")
    let n = shape.dims[axis]
    guard n > 0 else { return self }
    let start = (n - shift % n) % n
    if start == 0 { return self }
    return try Tensor.concat([slice(axis: axis, from: start), slice(axis: axis, to: start)], axis: axis)
  }

  /// The same elements in reversed order along several axes, as a view.
  public func flipped(axes: [Int]) throws -> Tensor {
    let axes = try axes.map { try shape.axis($0, "flip") }
    guard Set(axes).count == axes.count else {
      throw PareError(.argument, "[flip] an axis comes twice in \(axes)", argument: "axes", op: "flip")
    }
    return try axes.reduce(self) { try $0.flipped(axis: $1) }
  }

  /// Repeats each element along an axis, next to itself (NumPy's repeat, PyTorch's repeat_interleave).
  public func repeated(_ times: Int, axis: Int) throws -> Tensor {
    let axis = try shape.axis(axis, "repeat")
    guard times >= 0, times < 1 << 40 else {
      throw PareError(.argument, "[repeat] \(times) times", argument: "times", expected: "a number from 0", op: "repeat")
    }
    let (length, overflow) = shape.dims[axis].multipliedReportingOverflow(by: times)
    guard !overflow else { throw PareError(.shape, "[repeat] \(times) times shape \(shape) is too large", op: "repeat") }
    try shape.replacing(axis, with: length).validate()
    return try gather(axis: axis, indices: Tensor.positions(length) { $0 / times })
  }

  /// Cuts an axis into at most `count` parts of equal size, the last one smaller; as views.
  public func chunked(_ count: Int, axis: Int = 0) throws -> [Tensor] {
    let axis = try shape.axis(axis, "chunk")
    guard count > 0 else {
      throw PareError(.argument, "[chunk] \(count) parts", argument: "count", expected: "at least 1", op: "chunk")
    }
    let n = shape.dims[axis]
    return try split(axis: axis, size: Swift.max(1, n / count + (n % count == 0 ? 0 : 1)))
  }

  /// Cuts an axis into parts of `size`, the last one smaller; as views. An empty axis is one part.
  public func split(axis: Int, size: Int) throws -> [Tensor] {
    let axis = try shape.axis(axis, "split")
    guard size > 0 else {
      throw PareError(.argument, "[split] parts of \(size)", argument: "size", expected: "at least 1", op: "split")
    }
    let n = shape.dims[axis]
    if n == 0 { return [self] }
    return try stride(from: 0, to: n, by: Swift.min(size, n)).map {
      try slice(axis: axis, from: $0, to: Swift.min(n, $0 + Swift.min(size, n)))
    }
  }

  /// Which of the channels' neighbours are a block's positions.
  public enum BlockOrder: String, Sendable, CaseIterable {
    /// Depth, column, row: the block's position is the outer part of the channel (ONNX's default).
    case dcr = "DCR"
    /// Column, row, depth: the block's position is the inner part (PyTorch's pixel shuffle).
    case crd = "CRD"
  }

  /// Moves channels into blocks of positions (ONNX DepthToSpace; Shi et al. 2016, arXiv:1609.05158).
  /// - Shapes: [N, C b^2, H, W] to [N, C, H b, W b].
  public func depthToSpace(block b: Int, order: BlockOrder = .dcr) throws -> Tensor {
    guard rank == 4, b > 0, b < 1 << 20, shape.dims[1] % (b * b) == 0 else {
      throw PareError(
        .shape, "[depthToSpace] input \(shape), block \(b)", argument: "block", expected: "[N, C b^2, H, W]", op: "depthToSpace")
    }
    let (n, c, h, w) = (shape.dims[0], shape.dims[1] / (b * b), shape.dims[2], shape.dims[3])
    let parts = order == .dcr
      ? try reshaped(Shape([n, b, b, c, h, w])).permuted([0, 3, 4, 1, 5, 2])
      : try reshaped(Shape([n, c, b, b, h, w])).permuted([0, 1, 4, 2, 5, 3])
    return try parts.reshaped(Shape([n, c, h &* b, w &* b]))
  }

  /// Moves blocks of positions into channels: the inverse of `depthToSpace`. ONNX SpaceToDepth has the order `dcr`.
  /// - Shapes: [N, C, H b, W b] to [N, C b^2, H, W].
  public func spaceToDepth(block b: Int, order: BlockOrder = .dcr) throws -> Tensor {
    guard rank == 4, b > 0, b < 1 << 20, shape.dims[2] % b == 0, shape.dims[3] % b == 0 else {
      throw PareError(
        .shape, "[spaceToDepth] input \(shape), block \(b)", argument: "block", expected: "[N, C, H b, W b]", op: "spaceToDepth")
    }
    let (n, c, h, w) = (shape.dims[0], shape.dims[1], shape.dims[2] / b, shape.dims[3] / b)
    let parts = try reshaped(Shape([n, c, h, b, w, b]))
    let moved = order == .dcr ? try parts.permuted([0, 3, 5, 1, 2, 4]) : try parts.permuted([0, 1, 3, 5, 2, 4])
    return try moved.reshaped(Shape([n, c * b * b, h, w]))
  }
}
