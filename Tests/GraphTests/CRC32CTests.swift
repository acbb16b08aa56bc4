import CKernels
import Graph
import Testing

/// The check value of the CRC catalogue and the examples of RFC 3720, B.4, on every path.
@Suite(.serialized) struct CRC32CTests {
  @Test(arguments: [PARE_ISA_PORTABLE, PARE_ISA_AVX2])
  func knownChecksums(_ isa: pare_isa) {
    let level = pare_isa_level()
    pare_limit_isa(isa)
    defer { pare_limit_isa(level) }
    func checksum(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { CRC32C.of($0) } }
    #expect(checksum([]) == 0)
    #expect(checksum(Array("123456789".utf8)) == 0xe306_9283)
    #expect(checksum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
    #expect(checksum([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
    #expect(checksum(Array(0..<32)) == 0x46dd_794e)
    #expect(checksum((0..<32).reversed()) == 0x113f_db5c)
  }
}
