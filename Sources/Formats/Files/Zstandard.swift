import CZstd
import Support

/// Zstandard frames (RFC 8878) through libzstd.
package enum Zstandard {
  /// Bytes handed to libzstd between two looks at whether to stop.
  private static let stretch = 1 << 19

  /// Returns `bytes` compressed into one frame that tells its size; the same bytes give the same result with the same
  /// libzstd.
  ///
  /// - Throws: `interrupted` between stretches, `memory`.
  package static func compress(_ bytes: UnsafeRawBufferPointer, level: Int32) throws -> [UInt8] {
    guard let context = ZSTD_createCCtx() else { throw PareError(.memory, "zstd has no memory to compress with") }
    defer { ZSTD_freeCCtx(context) }
    try check(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level))
    try check(ZSTD_CCtx_setPledgedSrcSize(context, UInt64(bytes.count)))
    let bound = ZSTD_compressBound(bytes.count)
    return try [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
      var output = ZSTD_outBuffer(dst: buffer.baseAddress, size: bound, pos: 0)
      var input = ZSTD_inBuffer(src: bytes.baseAddress, size: 0, pos: 0)
      var isWritten = false
      while !isWritten {
        try Interrupt.check()
        input.size = min(bytes.count, input.pos + stretch)
        let isLast = input.size == bytes.count
        let left = try check(ZSTD_compressStream2(context, &output, &input, isLast ? ZSTD_e_end : ZSTD_e_continue))
        isWritten = isLast && left == 0
      }
      count = output.pos
    }
  }

  @discardableResult
  private static func check(_ result: Int) throws -> Int {
    guard ZSTD_isError(result) == 0 else {
      throw PareError(.internal, "zstd cannot compress: \(String(cString: ZSTD_getErrorName(result)))")
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
