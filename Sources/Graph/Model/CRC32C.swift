import CKernels

/// CRC-32C (Castagnoli), as in RFC 3720: the checksum of `.pare` sections.
public enum CRC32C {
  /// Returns the checksum of one piece of memory.
  public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    guard let start = bytes.baseAddress else { return 0 }
    return pare_crc32c(start.assumingMemoryBound(to: UInt8.self), bytes.count)
  }
}
