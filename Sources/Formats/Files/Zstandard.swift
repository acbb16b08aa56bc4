import CZstd
import Support

/// Zstandard frames (RFC 8878) through libzstd.
package enum Zstandard {
  /// Returns `bytes` compressed; the same bytes give the same result with the same libzstd.
  package static func compress(_ bytes: UnsafeRawBufferPointer, level: Int32) throws -> [UInt8] {
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

  /// A file's own size bounds what it may claim: no more than this many bytes for each that is there.
  package static let greatestRatio = 1024

  /// Returns the decompressed `bytes`, which must have exactly `count` bytes.
  ///
  /// - Parameter what: what the error calls the data.
  package static func decompress(_ bytes: UnsafeRawBufferPointer, count: Int, what: String, file: String) throws -> [UInt8] {
    guard count >= 0, count / greatestRatio <= bytes.count,
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
