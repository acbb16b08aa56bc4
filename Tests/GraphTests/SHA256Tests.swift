import Graph
import TestSupport
import Testing

/// Examples of FIPS 180-4 and its usual test vectors, on every path.
@Suite struct SHA256Tests {
  @Test func knownDigests() {
    func digest(_ pieces: [String]) -> String {
      var digest = SHA256()
      for piece in pieces { digest.update(piece) }
      return digest.hex
    }
    onEveryInstructionSet { _ in
      #expect(digest([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
      #expect(digest(["abc"]) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
      #expect(digest(["abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"]) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
      let million = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
      #expect(digest([String(repeating: "a", count: 1_000_000)]) == million)
      #expect(digest((0..<1000).map { String(repeating: "a", count: 500 + $0 % 2 * 1000) }) == million)
    }
  }
}
