/// Where things stand in a `.pare` file.
///
/// ```
/// 0   magic, 8 bytes
/// 8   u32 version of the format
/// 12  u32 bytes of the header as stored (a zstd frame)
/// 16  u32 bytes of the header once decompressed (a protobuf message, Protobuf/pare.proto)
/// 20  u32 CRC32C of the stored header
/// 24  u64 bytes of the whole file
/// 32  u32 CRC32C of the 32 bytes before
/// 36  the header, then the blobs in the header's order
/// ```
/// Numbers are little-endian. A blob that stands as it is and has at least `alignedFrom` bytes begins at the next
/// multiple of `alignment`, so that it can be used where it is mapped; the bytes skipped are 0. Every other blob begins
/// where the one before ends.
package enum PareLayout {
  /// As PNG's: not text, and damaged by any translation of line ends.
  package static let magic: [UInt8] = [0x89] + Array("PARE".utf8) + [0x0D, 0x0A, 0x1A]
  package static let version: UInt32 = 1
  package static let headerStart = 36
  package static let alignment = 64
  package static let alignedFrom = 4096

  /// Returns where a blob of `stored` bytes begins, if the one before ends at `end`.
  package static func start(after end: Int, stored: Int, isCompressed: Bool) -> Int {
    isCompressed || stored < alignedFrom ? end : (end + alignment - 1) / alignment * alignment
  }
}
