import Support

extension Tensor {
  /// Returns the value of a tensor of one element.
  public func item() throws -> Double {
    guard count == 1 else {
      throw PareError(.shape, "[item] a tensor of shape \(shape) has \(count) elements", expected: "one element", op: "item")
    }
    switch dtype {
    case .f32: return Double(pointer(Float.self)[0])
    case .f64: return pointer(Double.self)[0]
    case .f16: return Double(pointer(Float16.self)[0])
    case .bf16: return Double(Float(pointer(BFloat16.self)[0]))
    case .i8: return Double(pointer(Int8.self)[0])
    case .u8: return Double(pointer(UInt8.self)[0])
    case .i16: return Double(pointer(Int16.self)[0])
    case .u16: return Double(pointer(UInt16.self)[0])
    case .i32: return Double(pointer(Int32.self)[0])
    case .i64: return Double(pointer(Int64.self)[0])
    case .bool: return pointer(UInt8.self)[0] == 0 ? 0 : 1
    }
  }

  /// Returns the elements in row-major order, converted to `type`.
  public func values<T: TensorElement>(as type: T.Type = T.self) throws -> [T] {
    let plain = try detached().converted(to: T.dtype).contiguous()
    return withExtendedLifetime(plain) {
      Array(UnsafeBufferPointer(start: plain.address.assumingMemoryBound(to: T.self), count: plain.count))
    }
  }

  /// Returns the elements in row-major order as f64.
  public func scalars() throws -> [Double] { try values(as: Double.self) }

  /// Calls `body` with the elements in row-major order, in the machine's byte order; copies only if they lie otherwise.
  public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    let plain = try detached().contiguous()
    return try withExtendedLifetime(plain) {
      try body(UnsafeRawBufferPointer(start: plain.address, count: plain.byteCount))
    }
  }

  /// Whether shape, dtype and every element are the same; NaN differs from everything.
  public func isEqual(to other: Tensor) throws -> Bool {
    guard shape == other.shape, dtype == other.dtype else { return false }
    return try detached().eq(other.detached()).all().item() != 0
  }

  /// Whether shapes are the same and every element satisfies |a - b| <= absolute + relative |b|; NaN differs from
  /// everything, equal infinities are close.
  public func isClose(to other: Tensor, absolute: Double = 1e-8, relative: Double = 1e-5) throws -> Bool {
    guard shape == other.shape else { return false }
    let (a, b) = (try scalars(), try other.scalars())
    return zip(a, b).allSatisfy { x, y in x == y || (x - y).magnitude <= absolute + relative * y.magnitude && y.isFinite }
  }
}
