import Glibc
import Support

extension Tensor {
  /// Takes positions along one axis (ONNX Gather): the axis is replaced by the axes of `indices`.
  ///
  /// - Shapes: x [a.., n, b..], indices [i..]; result [a.., i.., b..].
  /// - Parameter indices: i64, 0..<n; negative ones count from the end.
  /// - Throws: `argument` naming the first index outside the axis.
  public func gather(axis: Int, indices: Tensor) throws -> Tensor {
    let axis = try shape.axis(axis, "gather")
    let positions = try indices.positions(below: shape.dims[axis], "gather")
    var sizes: [Int] = []
    for i in 0..<rank {
      if i == axis { sizes += indices.shape.dimensions } else { sizes.append(shape.dims[i]) }
    }
    let result = try Tensor.empty(Shape(sizes), dtype)
    let x = try detached().contiguous()
    let n = shape.dims[axis]
    let inner = Shape(unchecked: shape.dimensions[(axis + 1)...]).count * dtype.size
    let outer = Shape(unchecked: shape.dimensions[..<axis]).count
    let (source, target) = (x.address, result.address)
    let at = positions.pointer(Int64.self)
    let m = positions.count
    if inner > 0 {
      try Compute.parallel(outer * m, grain: Swift.max(1, 65536 / inner)) { part in
        for job in part {
          memcpy(target + job * inner, source + (job / m * n + Int(at[job % m])) * inner, inner)
        }
      }
    }
    guard records else { return result }
    let origin = shape
    return result.recorded("gather", self, repeatable: true) { g, pullback in
      try pullback.add(0, g.scatteredSum(axis: axis, positions: positions, origin: origin))
    }
  }

  /// Returns contiguous i64 positions with negative ones resolved.
  func positions(below size: Int, _ op: String) throws -> Tensor {
    guard dtype == .i64 || dtype == .i32 else {
      throw PareError(.dtype, "[\(op)] indices of \(dtype)", argument: "indices", expected: "i64", op: op)
    }
    let plain = try detached().converted(to: .i64).contiguous()
    let result = try Tensor.empty(shape, .i64)
    let (p, q) = (plain.pointer(Int64.self), result.pointer(Int64.self))
    for i in 0..<count {
      let position = p[i] < 0 ? p[i] &+ Int64(size) : p[i]
      guard position >= 0, position < size else {
        throw PareError(
          .argument, "[\(op)] index \(p[i]) at position \(i) lies outside an axis of \(size)", argument: "indices",
          expected: "\(-size)..<\(size)", op: op)
      }
      q[i] = position
    }
    return result
  }

  /// The gradient of `gather`: adds every taken element back to where it came from.
  func scatteredSum(axis: Int, positions: Tensor, origin: Shape) throws -> Tensor {
    if dtype.isHalf {
      return try converted(to: .f32).scatteredSum(axis: axis, positions: positions, origin: origin).converted(to: dtype)
    }
    let result = dtype == .f64
      ? try summed(axis, positions, origin, Double.self) : try summed(axis, positions, origin, Float.self)
    guard records else { return result }
    return result.recorded("scatter", self, repeatable: true) { g, pullback in
      try pullback.add(0, g.gather(axis: axis, indices: positions))
    }
  }

  private func summed<T: Real>(_ axis: Int, _ positions: Tensor, _ origin: Shape, _: T.Type) throws -> Tensor {
    let result = try Tensor.zeros(origin, dtype)
    let g = try detached().contiguous()
    let n = origin.dims[axis]
    let inner = Shape(unchecked: origin.dimensions[(axis + 1)...]).count
    let outer = Shape(unchecked: origin.dimensions[..<axis]).count
    let (source, target, at) = (g.pointer(T.self), result.pointer(T.self), positions.pointer(Int64.self))
    let m = positions.count
    for a in 0..<outer {
      for j in 0..<m {
        let (p, q) = (source + (a * m + j) * inner, target + (a * n + Int(at[j])) * inner)
        for k in 0..<inner { q[k] += p[k] }
      }
    }
    return result
  }

  /// A row of zeros with a one for each index: [..] of i64 to [.., classes].
  public func oneHot(classes: Int, dtype: DType = .f32) throws -> Tensor {
    let positions = try positions(below: classes, "oneHot")
    let result = try Tensor.zeros(Shape(shape.dimensions + [classes]), dtype)
    let one = try Tensor.scalar(1, dtype)
    let at = positions.pointer(Int64.self)
    for i in 0..<count { memcpy(result.address + (i * classes + Int(at[i])) * dtype.size, one.address, dtype.size) }
    return result
  }

  /// The positions of the elements that are not 0, in row-major order: i64 [rank, count], as ONNX NonZero.
  public func nonzeroIndices() throws -> Tensor {
    let flags = try (dtype == .bool ? detached() : ne(0)).contiguous()
    let marks = flags.pointer(UInt8.self)
    let found = (0..<count).filter { marks[$0] != 0 }
    let result = try Tensor.empty(Shape([rank, found.count]), .i64)
    let target = result.pointer(Int64.self)
    let steps = shape.rowMajor
    for (j, i) in found.enumerated() {
      for axis in 0..<rank { target[axis * found.count + j] = Int64(i / steps[axis] % Swift.max(shape.dims[axis], 1)) }
    }
    return result
  }

  // MARK: Mutation

  /// Replaces one element, or every element below a position if `indices` names fewer axes than there are.
  ///
  /// Other tensors that share the storage keep their values.
  /// - Throws: `argument` for an index outside its axis or a tracked tensor.
  public mutating func set(_ value: Double, at indices: [Int]) throws {
    try set(Tensor.scalar(value, dtype), at: indices)
  }

  /// Replaces the sub-tensor at a position by `value`, which is converted and broadcast to it.
  public mutating func set(_ value: Tensor, at indices: [Int]) throws {
    guard node == nil else {
      throw PareError(.argument, "[set] a tracked tensor is not assigned to", suggestion: "assign to detached(), or use where()", op: "set")
    }
    guard indices.count <= rank else {
      throw PareError(.argument, "[set] \(indices.count) indices for shape \(shape)", argument: "indices", expected: "at most \(rank)", op: "set")
    }
    let value = try value.detached().converted(to: dtype)
    try makeUnique()
    var target = self
    for index in indices { target = try target.select(axis: 0, index: index) }
    // In place: not left between old and new.
    try Interrupt.held { try Compute.backend.copy(value.expanded(to: target.shape), into: target) }
  }

  /// Whether this tensor may be written into: nothing else refers to its storage, each element has its own place.
  mutating func isAlone() -> Bool { storage.isWritable && isDense && isKnownUniquelyReferenced(&storage) }

  /// The one place of copy-on-write: afterwards the storage is this tensor's alone and each element has its own place.
  private mutating func makeUnique() throws {
    if isAlone() { return }
    self = try laidOut(isDense ? layout : shape.rowMajor)
  }
}
