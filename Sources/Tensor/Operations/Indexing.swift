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
      Compute.parallel(outer * m, grain: Swift.max(1, 65536 / inner)) { part in
        for job in part {
          memcpy(target + job * inner, source + (job / m * n + Int(at[job % m])) * inner, inner)
        }
      }
    }
    guard records else { return result }
    let origin = shape
    return result.recorded("gather", self) { g, pullback in
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
  private func scatteredSum(axis: Int, positions: Tensor, origin: Shape) throws -> Tensor {
    if dtype.isHalf {
      return try converted(to: .f32).scatteredSum(axis: axis, positions: positions, origin: origin).converted(to: dtype)
    }
    return dtype == .f64
      ? try summed(axis, positions, origin, Double.self) : try summed(axis, positions, origin, Float.self)
  }

  private func summed<T: Real>(_ axis: Int, _ positions: Tensor, _ origin: Shape, _: T.Type) throws -> Tensor {
    let result = try Tensor.zeros(origin, dtype)
    let g = try contiguous()
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

  /// Takes one element per position of `indices` along one axis (ONNX GatherElements): result[.., j, ..] =
  /// x[.., indices[.., j, ..], ..]. Shapes are equal but for the axis.
  public func gatherElements(axis: Int, indices: Tensor) throws -> Tensor {
    let axis = try shape.axis(axis, "gatherElements")
    try checkElements("gatherElements", axis, indices)
    let positions = try indices.positions(below: shape.dims[axis], "gatherElements")
    let flat = try Tensor.flatPositions(positions, axis: axis, in: shape)
    // Flat positions in the row-major order of this tensor make it a gather along one axis.
    let all = try reshaped(Shape([count]))
    return try all.gather(axis: 0, indices: flat)
  }

  /// Returns a copy with elements replaced: result[.., indices[.., j, ..], ..] = values[.., j, ..] along one axis (ONNX
  /// ScatterElements); the last one wins. Not differentiated with respect to this tensor where it is replaced.
  public func scatterElements(axis: Int, indices: Tensor, values: Tensor) throws -> Tensor {
    let axis = try shape.axis(axis, "scatterElements")
    try checkElements("scatterElements", axis, indices)
    guard values.shape == indices.shape, values.dtype == dtype else {
      throw PareError(
        .shape, "[scatterElements] values \(values.shape) \(values.dtype) and indices \(indices.shape)",
        expected: "\(indices.shape) \(dtype)", op: "scatterElements")
    }
    let positions = try indices.positions(below: shape.dims[axis], "scatterElements")
    let flat = try Tensor.flatPositions(positions, axis: axis, in: shape)
    let result = try detached().laidOut(shape.rowMajor)
    let source = try values.detached().contiguous()
    let (p, q, at, size) = (source.address, result.address, flat.pointer(Int64.self), dtype.size)
    for i in 0..<flat.count { memcpy(q + Int(at[i]) * size, p + i * size, size) }
    guard records || values.records else { return result }
    return result.recorded("scatterElements", self, values) { g, pullback in
      if pullback.needs(0) {
        let zeros = try Tensor.zeros(flat.shape, g.dtype)
        try pullback.add(0, g.scatterElements(axis: axis, indices: positions, values: zeros))
      }
      try pullback.add(1, g.gatherElements(axis: axis, indices: positions))
    }
  }

  private func checkElements(_ op: String, _ axis: Int, _ indices: Tensor) throws {
    guard indices.rank == rank, indices.shape.replacing(axis, with: 1) == shape.replacing(axis, with: 1) else {
      throw PareError(
        .shape, "[\(op)] shape \(shape) and indices \(indices.shape)", expected: "shapes that differ along axis \(axis) only", op: op)
    }
  }

  private static func flatPositions(_ positions: Tensor, axis: Int, in shape: Shape) throws -> Tensor {
    let result = try empty(positions.shape, .i64)
    let inner = Shape(unchecked: shape.dimensions[(axis + 1)...]).count
    let (n, m) = (shape.dims[axis], positions.shape.dims[axis])
    let (p, q) = (positions.pointer(Int64.self), result.pointer(Int64.self))
    for i in 0..<positions.count {
      let outer = i / Swift.max(inner * m, 1)
      q[i] = Int64((outer * n + Int(p[i])) * inner + i % Swift.max(inner, 1))
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
    Compute.backend.copy(try value.expanded(to: target.shape), into: target)
  }

  /// The one place of copy-on-write: afterwards the storage is this tensor's alone and each element has its own place.
  private mutating func makeUnique() throws {
    if storage.isWritable, isDense, isKnownUniquelyReferenced(&storage) { return }
    self = try laidOut(isDense ? layout : shape.rowMajor)
  }
}
