import Support
import Synchronization

/// Short-lived aligned memory for oneDNN: scratch pads and operands in another layout.
enum Scratch {
  /// The most that was ever asked for. Large requests all ask for that much, so that one block serves them in turn: by
  /// their own sizes the allocator would keep a block for each kind of layer.
  private static let largest = Atomic<Int>(0)
  /// Requests below this keep their own sizes.
  private static let large = 1 << 20

  /// Hands `body` buffers of the given sizes in bytes (nil for 0); they are gone when it returns.
  static func with<R>(_ sizes: [Int], _ body: ([UnsafeMutableRawPointer?]) throws -> R) throws -> R {
    let aligned = sizes.map { ($0 + 63) & ~63 }
    let total = aligned.reduce(0, +)
    guard total > 0 else { return try body(sizes.map { _ in nil }) }
    let storage = try storage(total)
    return try withExtendedLifetime(storage) {
      var offset = 0
      return try body(
        aligned.map { size in
          defer { offset += size }
          return size == 0 ? nil : storage.base + offset
        })
    }
  }

  private static func storage(_ bytes: Int) throws -> Storage {
    guard bytes >= large else { return try Storage(byteCount: bytes) }
    let most = largest.max(bytes, ordering: .relaxed).newValue
    do { return try Storage(byteCount: most) } catch let error as PareError where error.code == .limit || error.code == .memory {
      // There is no room for comfort.
      return try Storage(byteCount: bytes)
    }
  }
}
