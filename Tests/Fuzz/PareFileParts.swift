import Formats
import Graph
import Support

/// A `.pare` file taken apart, so that a changed header can be put back under right checksums: without them no change
/// would come past the first check.
struct PareFileParts {
  /// The header's message, decompressed.
  let header: [UInt8]
  private let rest: [UInt8]

  init?(_ bytes: [UInt8]) {
    func number(_ at: Int) -> Int { bytes[at..<(at + 4)].reversed().reduce(0) { $0 << 8 | Int($1) } }
    guard bytes.count > PareLayout.headerStart else { return nil }
    let end = PareLayout.headerStart + number(12)
    guard end <= bytes.count,
      let message = try? Array(bytes[PareLayout.headerStart..<end]).withUnsafeBytes({
        try Zstandard.decompress($0, count: number(16), what: "header", file: "")
      })
    else { return nil }
    header = message
    rest = Array(bytes[end...])
  }

  func with(header: [UInt8]) -> [UInt8] {
    func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    guard let stored = try? header.withUnsafeBytes({ try Zstandard.compress($0, level: 3) }) else { return rest }
    var file = PareLayout.magic + little(Int(PareLayout.version), 4) + little(stored.count, 4) + little(header.count, 4)
    file += little(Int(stored.withUnsafeBytes { CRC32C.of($0) }), 4)
    file += little(PareLayout.headerStart + stored.count + rest.count, 8)
    file += little(Int(file.withUnsafeBytes { CRC32C.of($0) }), 4)
    return file + stored + rest
  }
}
