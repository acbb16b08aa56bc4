extension Tensor {
  /// Creates a row-major tensor whose elements `fill` writes, all of them, in the machine's byte order.
  ///
  /// The memory comes from the cache of freed tensors and is not cleared: what is not written holds anything.
  /// - Throws: `shape`, `memory`; what `fill` throws.
  public init(
    _ shape: Shape, _ dtype: DType, fill: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws {
    let made = try Tensor.empty(shape, dtype)
    try fill(UnsafeMutableRawBufferPointer(start: made.address, count: made.byteCount))
    self = made
  }
}
