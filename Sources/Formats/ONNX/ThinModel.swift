import FoundationEssentials
import SwiftProtobuf

/// The message of a model file without the numbers of its larger tensors: these are read where they lie in the file, so
/// that only one copy of them is made.
///
/// A tensor whose bytes were left out says so as one with external data does, with an empty location; which stretches of
/// the file may be meant by that is `stretches`.
struct ThinModel {
  private(set) var stretches: Set<Range<Int>> = []
  private let bytes: UnsafeRawBufferPointer

  /// Tensors below this are left where they are.
  private static let smallest = 1 << 12
  /// Graphs within graphs beyond this are left as they are.
  private static let greatestDepth = 64

  /// The messages on the way to a tensor's bytes.
  private enum Message {
    case model, function, graph, node, attribute, sparse, tensor

    /// The message in a field, if it may hold tensors.
    func within(_ field: UInt64) -> Message? {
      switch (self, field) {
      case (.model, 7), (.attribute, 6), (.attribute, 11): .graph
      case (.model, 25): .function
      case (.graph, 1), (.function, 7): .node
      case (.graph, 5), (.attribute, 5), (.attribute, 10), (.sparse, 1), (.sparse, 2): .tensor
      case (.graph, 15), (.attribute, 22), (.attribute, 23): .sparse
      case (.node, 5): .attribute
      default: nil
      }
    }
  }

  private struct Field {
    let number: UInt64
    /// The field with its tag.
    let whole: Range<Int>
    /// The contents of a field with a length; nil for other fields.
    let contents: Range<Int>?
  }

  /// Returns the message, or nil where nothing was left out (or the file is damaged, which decoding will say).
  ///
  /// - Parameter bytes: valid as long as this is used.
  static func message(of bytes: UnsafeRawBufferPointer) -> (message: Data, stretches: Set<Range<Int>>)? {
    var thin = ThinModel(bytes: bytes)
    guard let message = thin.thinned(0..<bytes.count, .model, 0) else { return nil }
    return (Data(message), thin.stretches)
  }

  private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Returns a message without the numbers; nil where it stays as it is.
  private mutating func thinned(_ range: Range<Int>, _ kind: Message, _ depth: Int) -> [UInt8]? {
    guard range.count >= Self.smallest, depth < Self.greatestDepth, let fields = fields(in: range) else { return nil }
    if kind == .tensor { return thinnedTensor(fields) }
    var result: [UInt8] = [], copied = range.lowerBound, isChanged = false
    for field in fields {
      guard let contents = field.contents, let inner = kind.within(field.number), let message = thinned(contents, inner, depth + 1) else { continue }
      result.append(contentsOf: bytes[copied..<field.whole.lowerBound])
      Self.append(field.number << 3 | 2, to: &result)
      Self.append(UInt64(message.count), to: &result)
      result.append(contentsOf: message)
      copied = field.whole.upperBound
      isChanged = true
    }
    guard isChanged else { return nil }
    result.append(contentsOf: bytes[copied..<range.upperBound])
    return result
  }

  private mutating func thinnedTensor(_ fields: [Field]) -> [UInt8]? {
    let raw = fields.filter { $0.number == 9 }
    guard raw.count == 1, let contents = raw[0].contents, contents.count >= Self.smallest, !fields.contains(where: { $0.number == 13 || $0.number == 14 })
    else { return nil }
    let place: Onnx_TensorProto = .with {
      $0.dataLocation = .external
      $0.externalData = [("location", ""), ("offset", "\(contents.lowerBound)"), ("length", "\(contents.count)")].map { entry in
        .with { ($0.key, $0.value) = entry }
      }
    }
    guard let entries: [UInt8] = try? place.serializedBytes() else { return nil }
    var result: [UInt8] = []
    for field in fields where field.number != 9 { result.append(contentsOf: bytes[field.whole]) }
    stretches.insert(contents)
    return result + entries
  }

  // MARK: The wire format

  /// The fields of a message, or nil if it is damaged.
  private func fields(in range: Range<Int>) -> [Field]? {
    var result: [Field] = [], at = range.lowerBound
    while at < range.upperBound {
      let start = at
      guard let tag = number(&at, range.upperBound) else { return nil }
      var contents: Range<Int>?
      switch tag & 7 {
      case 0: guard number(&at, range.upperBound) != nil else { return nil }
      case 1: at += 8
      case 5: at += 4
      case 2:
        guard let length = number(&at, range.upperBound), length <= UInt64(range.upperBound - at) else { return nil }
        contents = at..<(at + Int(length))
        at += Int(length)
      default: return nil
      }
      guard at <= range.upperBound else { return nil }
      result.append(Field(number: tag >> 3, whole: start..<at, contents: contents))
    }
    return result
  }

  private func number(_ at: inout Int, _ end: Int) -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      guard at < end else { return nil }
      let byte = bytes[at]
      at += 1
      value |= UInt64(byte & 0x7f) << UInt64(shift)
      if byte & 0x80 == 0 { return value }
    }
    return nil
  }

  private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
