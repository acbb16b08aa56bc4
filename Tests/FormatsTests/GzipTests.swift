import Formats
import Support
import Testing
import TestSupport

@Suite struct GzipTests {
  /// `gzip.compress(b"hello hello hello hello", mtime=0)` of Python 3.11.
  static let hello: [UInt8] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 203, 72, 205, 201, 201, 87, 200, 64, 39, 1, 227, 81, 61, 141, 23, 0, 0, 0,
  ]
  static let text = Array("hello hello hello hello".utf8)

  private func inflate(_ bytes: [UInt8], limit: Int = 1 << 20) throws -> [UInt8] {
    try bytes.withUnsafeBytes { try Gzip.inflate($0, name: "x.gz", limit: limit) }
  }

  @Test func inflatesOneMemberAndSeveral() throws {
    #expect(try inflate(Self.hello) == Self.text)
    #expect(try inflate(Self.hello + Self.hello) == Self.text + Self.text)
  }

  @Test func readsPlainAndCompressedFiles() throws {
    try TestFiles.withFolder { folder in
      try TestFiles.write(Self.hello, to: "\(folder)/a.gz")
      try TestFiles.write(Self.text, to: "\(folder)/a")
      #expect(try Gzip.contents(of: "\(folder)/a.gz") == Self.text)
      #expect(try Gzip.contents(of: "\(folder)/a") == Self.text)
      expectError(.notFound, "no such file", "did you mean 'a.gz'?") { try Gzip.contents(of: "\(folder)/b.gz") }
      expectError(.io, "not a regular file") { try Gzip.contents(of: folder) }
      expectError(.limit, "at most 22 bytes") { try Gzip.contents(of: "\(folder)/a", limit: 22) }
    }
  }

  @Test func refusesMoreThanTheLimit() {
    expectError(.limit, "x.gz", "at most 22 bytes") { try inflate(Self.hello, limit: 22) }
  }

  @Test func refusesDamage() {
    expectError(.format, "ends too early") { try inflate([]) }
    for length in 1..<Self.hello.count {
      expectError(.format, "x.gz") { try inflate(Array(Self.hello[..<length])) }
    }
    // The header's time, flags for humans and system are free; data and trailer are not.
    for index in 10..<Self.hello.count {
      var damaged = Self.hello
      damaged[index] ^= 4
      expectError(.format, "damaged") { try inflate(damaged) }
    }
  }
}
