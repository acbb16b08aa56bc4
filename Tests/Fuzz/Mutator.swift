import Formats
import Foundation

/// Changes to a file that depend on a number alone: of bytes anywhere, of protobuf fields, of a JSON header.
struct Mutator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  private mutating func below(_ count: Int) -> Int { count <= 0 ? 0 : Int(next() % UInt64(count)) }

  mutating func mutated(_ bytes: [UInt8], _ kind: String) -> [UInt8] {
    switch (kind, below(4)) {
    case ("onnx", 0...2): return fields(bytes)
    case ("pare", 0...2): return PareFileParts(bytes).map { parts in parts.with(header: fields(parts.header)) } ?? raw(bytes)
    case ("safetensors", 0...2): return header(bytes)
    default: return raw(bytes)
    }
  }

  // MARK: Bytes

  private mutating func raw(_ bytes: [UInt8]) -> [UInt8] {
    var data = bytes
    for _ in 0..<[1, 1, 2, 8][below(4)] where !data.isEmpty {
      // Half of the changes go to the head, where the structure is.
      let at = below(next() % 2 == 0 ? data.count : min(data.count, 4096))
      switch below(4) {
      case 0: data[at] ^= 1 << UInt8(below(8))
      case 1: data.removeSubrange(at...)
      case 2:
        let filler: UInt8 = [0xFF, 0, 0x80][below(3)]
        for place in at..<min(at + 8, data.count) { data[place] = filler }
      default: data.insert(contentsOf: data[at..<min(at + 1 + below(63), data.count)], at: at)
      }
    }
    return data
  }

  // MARK: Fields

  /// A message as its fields; those of a length may be messages themselves.
  private struct Field {
    var tag: UInt64
    var payload: Payload
    enum Payload {
      case number(UInt64)
      case fixed([UInt8])
      case bytes([UInt8])
      case message([Field])
    }
  }

  private static func parsed(_ bytes: ArraySlice<UInt8>, depth: Int = 0) -> [Field]? {
    var fields: [Field] = [], place = bytes.startIndex
    func varint() -> UInt64? {
      var value: UInt64 = 0, shift: UInt64 = 0
      while place < bytes.endIndex, shift < 64 {
        let byte = bytes[place]
        place += 1
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
        shift += 7
      }
      return nil
    }
    while place < bytes.endIndex {
      guard let tag = varint(), tag >> 3 > 0, tag >> 3 < 1 << 20 else { return nil }
      switch tag & 7 {
      case 0:
        guard let value = varint() else { return nil }
        fields.append(Field(tag: tag, payload: .number(value)))
      case 1, 5:
        let size = tag & 7 == 1 ? 8 : 4
        guard bytes.endIndex - place >= size else { return nil }
        fields.append(Field(tag: tag, payload: .fixed(Array(bytes[place..<(place + size)]))))
        place += size
      case 2:
        guard let length = varint(), length <= UInt64(bytes.endIndex - place) else { return nil }
        let inner = bytes[place..<(place + Int(length))]
        place += Int(length)
        if depth < 8, inner.count > 1, inner.count < 1 << 16, let message = parsed(inner, depth: depth + 1) {
          fields.append(Field(tag: tag, payload: .message(message)))
        } else {
          fields.append(Field(tag: tag, payload: .bytes(Array(inner))))
        }
      default: return nil
      }
    }
    return fields
  }

  private static func written(_ fields: [Field]) -> [UInt8] {
    var out: [UInt8] = []
    func varint(_ value: UInt64) {
      var value = value
      while value >= 0x80 {
        out.append(UInt8(value & 0x7F) | 0x80)
        value >>= 7
      }
      out.append(UInt8(value))
    }
    for field in fields {
      varint(field.tag)
      switch field.payload {
      case .number(let value): varint(value)
      case .fixed(let bytes): out += bytes
      case .bytes(let bytes):
        varint(UInt64(bytes.count))
        out += bytes
      case .message(let inner):
        let bytes = written(inner)
        varint(UInt64(bytes.count))
        out += bytes
      }
    }
    return out
  }

  private mutating func fields(_ bytes: [UInt8]) -> [UInt8] {
    guard var tree = Self.parsed(bytes[...]), !tree.isEmpty else { return raw(bytes) }
    for _ in 0..<[1, 1, 2, 4][below(4)] { change(&tree) }
    return Self.written(tree)
  }

  private static let numbers: [UInt64] = [
    0, 1, 2, 7, 16, 127, 255, 1 << 20, 1 << 31, UInt64(Int32.max), 1 << 40, 1 << 62, UInt64(Int64.max), 1 << 63, .max, .max - 1,
  ]

  /// Goes down at random and changes one field, or the list of them.
  private mutating func change(_ list: inout [Field]) {
    guard !list.isEmpty else { return }
    let at = below(list.count)
    if case .message(var inner) = list[at].payload, below(5) > 0 {
      change(&inner)
      list[at].payload = .message(inner)
      return
    }
    switch below(6) {
    case 0: list.remove(at: at)
    case 1: list.insert(list[at], at: below(list.count + 1))
    case 2: list.swapAt(at, below(list.count))
    case 3: list[at].tag = UInt64(1 + below(24)) << 3 | list[at].tag & 7
    default:
      switch list[at].payload {
      case .number(let value):
        list[at].payload = .number([Self.numbers[below(Self.numbers.count)], value &+ 1, value &- 1, value ^ (1 << UInt64(below(63)))][below(4)])
      case .fixed(let bytes):
        list[at].payload = .fixed(bytes.map { _ in UInt8(truncatingIfNeeded: next()) })
      case .bytes(let bytes): list[at].payload = .bytes(changed(bytes))
      case .message(let inner): list[at].payload = .bytes(changed(Self.written(inner)))
      }
    }
  }

  private mutating func changed(_ bytes: [UInt8]) -> [UInt8] {
    switch below(4) {
    case 0: return Array(bytes.prefix(below(bytes.count)))
    case 1: return bytes + bytes.prefix(1 + below(16))
    case 2: return []
    default: return raw(bytes)
    }
  }

  // MARK: JSON headers

  private mutating func header(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count > 8 else { return raw(bytes) }
    let length = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length > 2, length <= bytes.count - 8 else { return raw(bytes) }
    var text = Array(bytes[8..<(8 + length)])
    let digits = text.indices.filter { (0x30...0x39).contains(text[$0]) }
    for _ in 0..<(1 + below(3)) where !digits.isEmpty {
      let at = digits[below(digits.count)]
      guard at < text.count else { continue }
      switch below(4) {
      case 0: text[at] = 0x30 + UInt8(below(10))
      case 1: text.insert(contentsOf: Array(repeating: 0x39, count: 1 + below(20)), at: at)
      case 2: text[at] = Array("-.e\"[]{},:".utf8)[below(10)]
      default: text.remove(at: at)
      }
    }
    if below(6) == 0 { text = raw(text) }
    let size = below(8) == 0 ? Int(truncatingIfNeeded: Self.numbers[below(Self.numbers.count)]) : text.count
    return (0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) } + text + bytes[(8 + length)...]
  }
}
