import Support

extension Tensor {
  /// Joins tensors of one dtype along an existing axis; all other sizes must be equal.
  public static func concat(_ tensors: [Tensor], axis: Int) throws -> Tensor {
    guard let first = tensors.first else {
      throw PareError(.argument, "[concat] there is nothing to join", expected: "at least one tensor", op: "concat")
    }
    let axis = try first.shape.axis(axis, "concat")
    var size = 0
    for (i, t) in tensors.enumerated() {
      guard t.dtype == first.dtype else {
        throw PareError(.dtype, "[concat] tensors 0 and \(i) are \(first.dtype) and \(t.dtype)", expected: "one dtype", op: "concat")
      }
      guard t.rank == first.rank, t.shape.replacing(axis, with: 1) == first.shape.replacing(axis, with: 1) else {
        throw PareError(.shape, "[concat] shapes \(first.shape) and \(t.shape) differ outside the axis that they are joined along", op: "concat")
      }
      size += t.shape.dims[axis]
    }
    let shape = first.shape.replacing(axis, with: size)
    try shape.validate()
    // Channels-last parts make a channels-last whole.
    let layout = tensors.allSatisfy { $0.isChannelsLast } ? channelsLastLayout(shape) : shape.rowMajor
    let result = try empty(shape, first.dtype, layout: layout)
    var position = 0
    for t in tensors {
      let length = t.shape.dims[axis]
      try Compute.backend.copy(t.detached(), into: result.slice(axis: axis, from: position, to: position + length))
      position += length
    }
    guard tensors.contains(where: { $0.records }) else { return result }
    let sizes = tensors.map { $0.shape.dims[axis] }
    return result.recorded("concat", from: tensors, repeatable: true) { g, pullback in
      var position = 0
      for (i, length) in sizes.enumerated() {
        try pullback.add(i, g.slice(axis: axis, from: position, to: position + length))
        position += length
      }
    }
  }

  /// Joins tensors of one shape along a new axis.
  public static func stack(_ tensors: [Tensor], axis: Int = 0) throws -> Tensor {
    guard let first = tensors.first else {
      throw PareError(.argument, "[stack] there is nothing to join", expected: "at least one tensor", op: "stack")
    }
    let position = axis < 0 ? axis + first.rank + 1 : axis
    return try concat(tensors.map { try $0.unsqueezed(position) }, axis: position)
  }

  /// Cuts an axis into parts of the given sizes, as views.
  public func split(axis: Int, sizes: [Int]) throws -> [Tensor] {
    let axis = try shape.axis(axis, "split")
    guard sizes.allSatisfy({ $0 >= 0 && $0 <= shape.dims[axis] }), sizes.reduce(0, +) == shape.dims[axis] else {
      throw PareError(
        .argument, "[split] sizes \(sizes) do not sum up to axis \(axis) of shape \(shape)", argument: "sizes", op: "split")
    }
    var position = 0
    return try sizes.map { length in
      defer { position += length }
      return try slice(axis: axis, from: position, to: position + length)
    }
  }

  /// What stands outside the input when it is padded.
  public enum PaddingMode: String, Sendable, CaseIterable {
    case constant
    /// Mirrored without repeating the edge.
    case reflect
    /// The edge repeated.
    case edge
    /// The other end, as if the tensor were repeated.
    case wrap
  }

  /// Adds elements around the tensor; negative numbers cut.
  /// - Parameters:
  ///   - pads: as in ONNX Pad: for each axis how many before it, then for each axis how many after it.
  ///   - value: what is added in mode `constant`.
  public func padded(_ pads: [Int], mode: PaddingMode = .constant, value: Double = 0) throws -> Tensor {
    guard pads.count == 2 * rank, pads.allSatisfy({ $0.magnitude < 1 << 40 }) else {
      throw PareError(
        .argument, "[pad] \(pads.count) numbers for shape \(shape)", argument: "pads", expected: "\(2 * rank), begins then ends",
        op: "pad")
    }
    var result = self
    for axis in 0..<rank { result = try result.padded(axis, pads[axis], pads[axis + rank], mode, value) }
    return result
  }

  private func padded(_ axis: Int, _ before: Int, _ after: Int, _ mode: PaddingMode, _ value: Double) throws -> Tensor {
    if before == 0 && after == 0 { return self }
    let size = shape.dims[axis]
    if before < 0 || after < 0 {
      let (begin, end) = (Swift.max(0, -before), size - Swift.max(0, -after))
      guard begin <= end else {
        throw PareError(.shape, "[pad] \(before) and \(after) cut more than axis \(axis) of shape \(shape) has", op: "pad")
      }
      return try slice(axis: axis, from: begin, to: end).padded(axis, Swift.max(0, before), Swift.max(0, after), mode, value)
    }
    if mode == .constant {
      func block(_ n: Int) throws -> Tensor { try Tensor.full(shape.replacing(axis, with: n), value, dtype) }
      let parts = try [before > 0 ? block(before) : nil, self, after > 0 ? block(after) : nil].compactMap { $0 }
      return try Tensor.concat(parts, axis: axis)
    }
    guard size > 0, mode != .reflect || (before < size && after < size) else {
      throw PareError(
        .shape, "[pad] axis \(axis) of shape \(shape) is too short to \(mode) \(before) and \(after)", op: "pad")
    }
    try shape.replacing(axis, with: before + size + after).validate()
    let positions = try Tensor.positions(before + size + after) { place in
      let i = place - before
      return switch mode {
      case .edge: Swift.min(Swift.max(i, 0), size - 1)
      case .wrap: (i % size + size) % size
      default: i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i
      }
    }
    return try gather(axis: axis, indices: positions)
  }

  /// Repeats the tensor along each axis.
  public func tiled(_ repeats: [Int]) throws -> Tensor {
    guard repeats.count == rank, repeats.allSatisfy({ $0 >= 0 }) else {
      throw PareError(.argument, "[tile] \(repeats) for shape \(shape)", argument: "repeats", expected: "one number from 0 for each axis", op: "tile")
    }
    // Each axis as two, the outer one broadcast; one axis at a time keeps within the largest rank.
    var result = self
    for (axis, times) in repeats.enumerated() where times != 1 {
      let size = result.shape.dims[axis]
      guard times > 0 else {
        result = try result.slice(axis: axis, from: 0, to: 0)
        continue
      }
      let (length, overflow) = size.multipliedReportingOverflow(by: times)
      guard !overflow else { throw PareError(.shape, "[tile] \(repeats) of shape \(shape) is too large", op: "tile") }
      try result.shape.replacing(axis, with: length).validate()
      result = try result.gather(axis: axis, indices: Tensor.positions(length) { $0 % Swift.max(size, 1) })
    }
    return result
  }

  /// Positions made by a rule, i64 of one axis.
  static func positions(_ count: Int, _ rule: (Int) -> Int) throws -> Tensor {
    let made = try empty(Shape([count]), .i64)
    let target = made.pointer(Int64.self)
    for i in 0..<count { target[i] = Int64(rule(i)) }
    return made
  }
}
