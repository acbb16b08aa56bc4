/// CRC-32C (Castagnoli), as in RFC 3720: the checksum of `.pare` sections.
public struct CRC32C: Sendable {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? (crc >> 1) ^ 0x82F6_3B78 : crc >> 1 }
  }
  private var state: UInt32 = ~0

  /// The checksum of no bytes.
  public init() {}

  /// Takes in further bytes; pieces give what the whole would.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    Self.table.withUnsafeBufferPointer { table in
      for byte in bytes { state = table[Int((state ^ UInt32(byte)) & 0xFF)] ^ (state >> 8) }
    }
  }

  /// The checksum of what came so far.
  public var value: UInt32 { ~state }

  /// Returns the checksum of one piece of memory.
  public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = CRC32C()
    crc.update(bytes)
    return crc.value
  }
}
