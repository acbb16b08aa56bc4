import CZlib
import Support

/// Reading of gzip files (RFC 1952) through zlib.
public enum Gzip {
  /// Deflate cannot expand more than this, so a file's own size bounds what it may claim.
  private static let greatestRatio = 1032

  /// Returns the contents of the file at `path`, decompressed if it is gzip.
  ///
  /// - Parameter limit: most bytes that the contents may have.
  /// - Throws: `PareError.notFound`, `.io`, `.format` for damaged data, `.limit` for contents above `limit`.
  public static func contents(of path: String, limit: Int = 1 << 31) throws -> [UInt8] {
    let file = try FileBytes(path)
    return try file.withBytes { bytes in
      if bytes.count >= 2, bytes[0] == 0x1F, bytes[1] == 0x8B {
        return try inflate(bytes, name: path, limit: limit)
      }
      guard bytes.count <= limit else { throw tooLarge(path, limit) }
      return Array(bytes)
    }
  }

  /// Returns the decompressed contents of gzip data, several members in a row included.
  ///
  /// - Parameter name: what errors call the data.
  /// - Parameter limit: most bytes that the result may have.
  public static func inflate(_ bytes: UnsafeRawBufferPointer, name: String, limit: Int = 1 << 31) throws -> [UInt8] {
    var stream = z_stream()
    // 15 + 16: the largest window, gzip header and checksum expected.
    let status = inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { throw PareError(.memory, "cannot start zlib (status \(status))", file: name) }
    defer { inflateEnd(&stream) }

    // The trailer's size is a hint only; the ratio bounds it by the bytes that are there.
    var result: [UInt8] = []
    if bytes.count >= 18 {
      let hint = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: bytes.count - 4, as: UInt32.self)))
      result.reserveCapacity(min(hint, limit, bytes.count.multipliedReportingOverflow(by: greatestRatio).partialValue))
    }
    let chunk = 1 << 18
    var consumed = 0
    try withUnsafeTemporaryAllocation(byteCount: chunk, alignment: 64) { output in
      while true {
        try Interrupt.check()
        // zlib counts input in 32 bits.
        let available = min(bytes.count - consumed, 1 << 30)
        stream.next_in = bytes.baseAddress.map {
          UnsafeMutablePointer(mutating: ($0 + consumed).assumingMemoryBound(to: UInt8.self))
        }
        stream.avail_in = UInt32(available)
        stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.avail_out = UInt32(chunk)
        let status = CZlib.inflate(&stream, Z_NO_FLUSH)
        consumed += available - Int(stream.avail_in)
        let produced = chunk - Int(stream.avail_out)
        guard produced <= limit - result.count else { throw tooLarge(name, limit) }
        result.append(contentsOf: output.prefix(produced))
        switch status {
        case Z_STREAM_END:
          if consumed == bytes.count { return }
          inflateReset(&stream)
        case Z_OK:
          continue
        case Z_BUF_ERROR where consumed == bytes.count:
          throw PareError(.format, "gzip data ends too early, at byte \(consumed)", file: name)
        default:
          let reason = stream.msg.map { String(cString: $0) } ?? "status \(status)"
          throw PareError(.format, "damaged gzip data at byte \(consumed) (\(reason))", file: name)
        }
      }
    }
    return result
  }

  private static func tooLarge(_ name: String, _ limit: Int) -> PareError {
    PareError(.limit, "contents too large", expected: "at most \(limit) bytes", file: name)
  }
}
