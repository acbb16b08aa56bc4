import Glibc
import Support

/// Short-lived aligned memory for oneDNN: scratch pads and weights in another layout.
enum Scratch {
  /// Hands `body` buffers of the given sizes in bytes; they are gone when it returns.
  static func with<R>(_ sizes: [Int], _ body: ([UnsafeMutableRawPointer?]) throws -> R) throws -> R {
    let aligned = sizes.map { ($0 + 63) & ~63 }
    let total = aligned.reduce(0, +)
    guard total > 0 else { return try body(sizes.map { _ in nil }) }
    guard let base = aligned_alloc(64, total) else {
      throw PareError(.memory, "no memory for \(total) bytes of scratch space")
    }
    defer { free(base) }
    var offset = 0
    return try body(
      aligned.map { size in
        defer { offset += size }
        return size == 0 ? nil : base + offset
      })
  }
}
