import CZstd
import Support

/// Zstandard frames (RFC 8878) through libzstd.
enum Zstandard {
  /// Returns `bytes` compressed; the same bytes give the same result with the same libzstd.
  static func compress(_ bytes: UnsafeRawBufferPointer, level: Int32 = 19) throws -> [UInt8] {
    let bound = ZSTD_compressBound(bytes.count)
    var written = 0
    let result = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
      written = ZSTD_compress(buffer.baseAddress, bound, bytes.baseAddress, bytes.count, level)
      count = ZSTD_isError(written) == 0 ? written : 0
    }
    guard ZSTD_isError(written) == 0 else {
      throw PareError(.internal, "zstd cannot compress: \(String(cString: ZSTD_getErrorName(written)))")
    }
    return result
  }

  /// Calls `write` with the decompressed `bytes`, which must have exactly `count` bytes.
  ///
  /// - Parameter what: what the error calls the data.
  static func decompress(_ bytes: UnsafeRawBufferPointer, count: Int, what: String, file: String) throws -> [UInt8] {
    // A frame of n bytes cannot hold more than a block of 128 KB for each 4 of them (a run-length block), and the
    // frame says its size itself: a claim is believed only where both agree.
    let possible = (bytes.count / 4 + 1).multipliedReportingOverflow(by: 1 << 17)
    guard count >= 0, possible.overflow || count <= possible.partialValue,
      ZSTD_getFrameContentSize(bytes.baseAddress, bytes.count) == UInt64(count)
    else { throw PareError(.format, "damaged \(what): its size does not agree with its zstd frame", file: file) }
    var written = 0
    let result = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      written = ZSTD_decompress(buffer.baseAddress, count, bytes.baseAddress, bytes.count)
      used = ZSTD_isError(written) == 0 ? written : 0
    }
    guard ZSTD_isError(written) == 0, written == count else {
      let reason = ZSTD_isError(written) != 0 ? String(cString: ZSTD_getErrorName(written)) : "\(written) bytes"
      throw PareError(.format, "damaged \(what): zstd says \(reason)", file: file)
    }
    return result
  }
}
