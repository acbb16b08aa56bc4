import Support

/// A cursor over bytes from a stranger: every read is checked against the bytes that are there.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  private(set) var offset = 0
  /// The file that errors name.
  let file: String

  init(_ bytes: UnsafeRawBufferPointer, file: String) {
    self.bytes = bytes
    self.file = file
  }

  var remaining: Int { bytes.count - offset }

  /// Returns the next `count` bytes; `what` says in the error what they would have been.
  mutating func take(_ count: Int, _ what: String) throws -> UnsafeRawBufferPointer {
    guard count >= 0, count <= remaining else {
      throw PareError(
        .format, "file ends within \(what), at byte \(offset)", expected: "\(count) bytes", got: "\(remaining)",
        file: file)
    }
    defer { offset += count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }

  mutating func little<T: FixedWidthInteger>(_ type: T.Type, _ what: String) throws -> T {
    T(littleEndian: try take(MemoryLayout<T>.size, what).loadUnaligned(as: T.self))
  }

  mutating func big<T: FixedWidthInteger>(_ type: T.Type, _ what: String) throws -> T {
    T(bigEndian: try take(MemoryLayout<T>.size, what).loadUnaligned(as: T.self))
  }
}

extension FixedWidthInteger {
  /// The bytes of the number, least significant first.
  var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
}
