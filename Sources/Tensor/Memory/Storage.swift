/// A block of memory that tensors share; freed with the last of them.
///
/// Sendable because it is written only while one tensor alone refers to it: by the operation that creates it, or by a
/// mutating function after its check for uniqueness.
package final class Storage: @unchecked Sendable {
  package let base: UnsafeMutableRawPointer
  /// Usable bytes.
  package let byteCount: Int
  /// False for memory that is mapped from a file: a mutation copies it first.
  let isWritable: Bool
  private let release: (@Sendable () -> Void)?

  /// Allocates at least `byteCount` bytes, not cleared, at a 64-byte boundary.
  package init(byteCount: Int) throws {
    (base, self.byteCount) = try Allocator.allocate(byteCount)
    isWritable = true
    release = nil
  }

  /// Borrows read-only memory, such as a mapped file, until `release` is called.
  package init(mapping memory: UnsafeRawBufferPointer, release: @escaping @Sendable () -> Void) {
    // An empty mapping has no address; nothing is ever read through this one.
    base = UnsafeMutableRawPointer(mutating: memory.baseAddress ?? UnsafeRawPointer(bitPattern: 64)!)
    byteCount = memory.count
    isWritable = false
    self.release = release
  }

  deinit {
    if let release { release() } else { Allocator.release(base, byteCount) }
  }
}
