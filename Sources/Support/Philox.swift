/// Philox4x32-10, a counter-based generator: the n-th number depends on seed, stream and n alone.
///
/// Reference: Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3".
public struct Philox: Sendable {
  private let key: SIMD2<UInt32>
  private let stream: UInt64

  /// - Parameter stream: separates sequences of one seed; see `stream(named:)`.
  public init(seed: UInt64, stream: UInt64 = 0) {
    key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    self.stream = stream
  }

  /// The stream number of a name (FNV-1a, 64 bits), so that a layer's numbers do not depend on its neighbours.
  public static func stream(named name: String) -> UInt64 {
    name.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }

  /// Returns the four 32-bit words of block `counter`.
  public func block(_ counter: UInt64) -> SIMD4<UInt32> {
    var c = SIMD4<UInt32>(
      UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32),
      UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32))
    var k = key
    for _ in 0..<10 {
      let (hi0, lo0) = UInt32(0xD251_1F53).multipliedFullWidth(by: c[0])
      let (hi1, lo1) = UInt32(0xCD9E_8D57).multipliedFullWidth(by: c[2])
      c = SIMD4(hi1 ^ c[1] ^ k[0], lo1, hi0 ^ c[3] ^ k[1], lo0)
      k = k &+ SIMD2(0x9E37_79B9, 0xBB67_AE85)
    }
    return c
  }
}

/// A sequence of numbers drawn one after another from a `Philox` stream; a value, so that a copy repeats them.
public struct RandomSource: RandomNumberGenerator, Sendable {
  private let generator: Philox
  private var counter: UInt64 = 0
  private var words = SIMD4<UInt32>()
  private var used = 4

  /// Creates the sequence number `stream` of `seed`, at its beginning.
  public init(seed: UInt64, stream: UInt64 = 0) { generator = Philox(seed: seed, stream: stream) }

  /// Creates the stream of `seed` that belongs to `name`.
  public init(seed: UInt64, name: String) { self.init(seed: seed, stream: Philox.stream(named: name)) }

  public mutating func next() -> UInt64 { UInt64(word()) | UInt64(word()) << 32 }

  private mutating func word() -> UInt32 {
    if used == 4 {
      words = generator.block(counter)
      counter += 1
      used = 0
    }
    used += 1
    return words[used - 1]
  }

  /// Returns a number in [0, 1) with 53 random bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Returns a whole number in 0..<bound without bias (Lemire 2019).
  public mutating func integer(below bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
}
