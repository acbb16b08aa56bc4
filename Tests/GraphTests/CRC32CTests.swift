import Graph
import TestSupport
import Testing

/// The check value of the CRC catalogue and the examples of RFC 3720, B.4, on every path.
@Suite struct CRC32CTests {
  @Test func knownChecksums() {
    func checksum(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { CRC32C.of($0) } }
    onEveryInstructionSet { _ in
      #expect(checksum([]) == 0)
      #expect(checksum(Array("123456789".utf8)) == 0xe306_9283)
      #expect(checksum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
      #expect(checksum([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
      #expect(checksum(Array(0..<32)) == 0x46dd_794e)
      #expect(checksum((0..<32).reversed()) == 0x113f_db5c)
    }
  }
}
