import Support

/// Short-lived aligned memory for oneDNN: scratch pads and operands in another layout.
enum Scratch {
  /// Hands `body` buffers of the given sizes in bytes (nil for 0); they are gone when it returns.
  static func with<R>(_ sizes: [Int], _ body: ([UnsafeMutableRawPointer?]) throws -> R) throws -> R {
    let aligned = sizes.map { ($0 + 63) & ~63 }
    let total = aligned.reduce(0, +)
    guard total > 0 else { return try body(sizes.map { _ in nil }) }
    let storage = try Storage(byteCount: total)
    return try withExtendedLifetime(storage) {
      var offset = 0
      return try body(
        aligned.map { size in
          defer { offset += size }
          return size == 0 ? nil : storage.base + offset
        })
    }
  }
}
