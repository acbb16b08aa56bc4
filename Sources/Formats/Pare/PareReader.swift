import FoundationEssentials
import Graph
import OrderedCollections
import Support
import SwiftProtobuf
import Tensor

/// One reading of a `.pare` file. Sizes are believed only where the bytes are there; checksums come first.
struct PareReader {
  private let file: FileBytes
  private let header: Pare_Header
  private let blobs: [Tensor]

  init(_ file: FileBytes) throws {
    self.file = file
    (header, blobs) = try file.withBytes { bytes in
      let (header, end) = try Self.header(bytes, path: file.path)
      return (header, try Self.blobs(header, bytes, from: end, file: file))
    }
  }

  /// Returns the header and where it ends.
  private static func header(_ bytes: UnsafeRawBufferPointer, path: String) throws -> (Pare_Header, Int) {
    var reader = ByteReader(bytes, file: path)
    guard try reader.take(PareLayout.magic.count, "the magic number").elementsEqual(PareLayout.magic) else {
      throw PareError(.format, "not a .pare file", file: path)
    }
    let version = try reader.little(UInt32.self, "the preamble")
    let stored = Int(try reader.little(UInt32.self, "the preamble"))
    let plain = Int(try reader.little(UInt32.self, "the preamble"))
    let checksum = try reader.little(UInt32.self, "the preamble")
    let size = try reader.little(UInt64.self, "the preamble")
    let own = CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[..<reader.offset]))
    guard try reader.little(UInt32.self, "the preamble") == own else {
      throw PareError(.format, "damaged preamble: its checksum does not fit", file: path)
    }
    guard version == PareLayout.version else {
      throw PareError(.unsupported, "version of the .pare format", expected: "\(PareLayout.version)", got: "\(version)",
                      file: path)
    }
    guard size == UInt64(bytes.count) else {
      throw PareError(.format, "size of the file", expected: "\(size) bytes", got: "\(bytes.count)", file: path)
    }
    let frame = try reader.take(stored, "the header")
    guard CRC32C.of(frame) == checksum else {
      throw PareError(.format, "damaged header: its checksum does not fit", file: path)
    }
    let message = try Zstandard.decompress(frame, count: plain, what: "header", file: path)
    do {
      return (try Pare_Header(serializedBytes: message), reader.offset)
    } catch {
      throw PareError(.format, "damaged header (\(error))", file: path)
    }
  }

  private static func blobs(
    _ header: Pare_Header, _ bytes: UnsafeRawBufferPointer, from start: Int, file: FileBytes
  ) throws -> [Tensor] {
    var end = start
    let tensors = try header.blobs.enumerated().map { index, blob in
      let what = "blob \(index)"
      let dtype = try Self.dtype(blob.dtype, what)
      let layout = try StoredElements.layout(blob.shape.map { Int($0) }, dtype, what, file: file.path)
      let stored = blob.compressed == 0 ? layout.bytes : Int(exactly: blob.compressed) ?? .max
      guard stored <= bytes.count - end else {
        throw PareError(.format, "\(what) reaches beyond the file", expected: "at most \(bytes.count - end) bytes",
                        got: "\(stored)", file: file.path)
      }
      let begin = PareLayout.start(after: end, stored: stored, isCompressed: blob.compressed > 0)
      guard begin <= bytes.count - stored, bytes[end..<begin].allSatisfy({ $0 == 0 }) else {
        throw PareError(.format, "damaged padding at byte \(end)", file: file.path)
      }
      end = begin + stored
      let slice = UnsafeRawBufferPointer(rebasing: bytes[begin..<end])
      guard CRC32C.of(slice) == blob.checksum else {
        throw PareError(.format, "damaged \(what) at byte \(begin): its checksum does not fit", file: file.path)
      }
      if blob.compressed > 0 {
        let plain = try Zstandard.decompress(slice, count: layout.bytes, what: what, file: file.path)
        return try plain.withUnsafeBytes {
          try StoredElements.tensor($0, layout.shape.dimensions, dtype, what, file: file.path)
        }
      }
      if file.isMapped, begin.isMultiple(of: PareLayout.alignment), dtype != .bool {
        // The closure keeps the mapping alive as long as the tensor's storage.
        let storage = Storage(mapping: slice, release: { withExtendedLifetime(file) {} })
        return Tensor(storage: storage, shape: layout.shape, layout: layout.shape.rowMajor, dtype: dtype)
      }
      return try StoredElements.tensor(slice, layout.shape.dimensions, dtype, what, file: file.path)
    }
    guard end == bytes.count else {
      throw PareError(.format, "\(bytes.count - end) bytes after the last blob", file: file.path)
    }
    return tensors
  }

  func model() throws -> Model {
    var model = Model(
      inputs: try header.inputs.map(port), outputs: try header.outputs.map(port), nodes: try header.nodes.map(node),
      opset: Int(header.opset))
    for message in header.parameters {
      guard model.parameters[message.name] == nil else { throw PareError(.format, "parameter '\(message.name)' stands twice") }
      model.parameters[message.name] = try parameter(message)
    }
    if header.hasNormalization {
      model.normalization = Normalization(mean: header.normalization.mean, deviation: header.normalization.deviation)
    }
    model.metadata = try texts(header.metadata, "metadata of the model")
    if !header.ledger.isEmpty { model.ledger = try CanonicalJSON.value(header.ledger, "ledger") }
    try model.verified()
    return model
  }

  private static func dtype(_ name: String, _ what: String) throws -> DType {
    guard let dtype = DType(rawValue: name) else { throw PareError(.format, "\(what) has no dtype '\(name)'") }
    return dtype
  }

  private func blob(_ index: UInt32, _ what: String) throws -> Tensor {
    guard index < blobs.count else {
      throw PareError(.format, "\(what) refers to blob \(index)", expected: "below \(blobs.count)")
    }
    return blobs[Int(index)]
  }

  private func texts(_ messages: [Pare_Text], _ what: String) throws -> [String: String] {
    try Dictionary(messages.map { ($0.key, $0.value) }) { _, _ in throw PareError(.format, "a key of the \(what) stands twice") }
  }

  private func port(_ message: Pare_Port) throws -> Port {
    let dtype = try Self.dtype(message.dtype, "'\(message.name)'")
    guard message.hasShape_p else { return Port(message.name, ValueType(dtype, nil)) }
    let shape = try message.shape.map { dimension -> Dimension in
      switch dimension.value {
      case .fixed(let size)? where size >= 0: return .fixed(Int(size))
      case .symbol(let name)?: return .symbol(name)
      default: throw PareError(.format, "'\(message.name)' has an impossible shape")
      }
    }
    return Port(message.name, ValueType(dtype, shape))
  }

  private func node(_ message: Pare_Node) throws -> Node {
    var node = Node(
      name: message.name, op: message.op, domain: message.domain, inputs: message.inputs, outputs: message.outputs,
      origin: message.hasOrigin ? message.origin : nil)
    for attribute in message.attributes {
      let what = "attribute '\(attribute.name)' of node '\(message.name)'"
      let value: Attribute =
        switch attribute.value {
        case .integer(let value): .int(Int(value))
        case .number(let value): .float(value)
        case .string(let value): .string(value)
        case .integers(let list): .ints(list.values.map { Int($0) })
        case .numbers(let list): .floats(list.values)
        case .strings(let list): .strings(list.values)
        case .tensor(let index): .tensor(try blob(index, what))
        case nil: throw PareError(.format, "\(what) has no value")
        }
      guard node.attributes.updateValue(value, forKey: attribute.name) == nil else {
        throw PareError(.format, "\(what) stands twice")
      }
    }
    return node
  }

  private func parameter(_ message: Pare_Parameter) throws -> Parameter {
    let what = "parameter '\(message.name)'"
    var scalars: OrderedDictionary<String, EncodedScalar> = [:], fields: OrderedDictionary<String, Tensor> = [:]
    for field in message.fields {
      guard scalars[field.name] == nil, fields[field.name] == nil else {
        throw PareError(.format, "'\(field.name)' of \(what) stands twice")
      }
      switch field.value {
      case .integer(let value): scalars[field.name] = .integer(Int(value))
      case .number(let value): scalars[field.name] = .number(value)
      case .boolean(let value): scalars[field.name] = .boolean(value)
      case .string(let value): scalars[field.name] = .string(value)
      case .integers(let list): scalars[field.name] = .integers(list.values.map { Int($0) })
      case .blob(let index): fields[field.name] = try blob(index, what)
      case nil: throw PareError(.format, "'\(field.name)' of \(what) has no value")
      }
    }
    let decoder = RepresentationDecoder(name: message.name, kind: message.kind, scalars: scalars, blobs: fields)
    let value = try RepresentationKinds.decode(decoder)
    // A sparse representation takes less than its dense values, but nothing real takes this much less.
    let stored = fields.values.reduce(0) { $0 + $1.byteCount }
    guard value.shape.count / SparseBound.elementsPerByte <= stored + SparseBound.freeBytes else {
      throw PareError(.format, "\(what) claims \(value.shape.count) elements", expected: "what its \(stored) bytes can stand for")
    }
    return Parameter(
      message.name, value, isTrainable: message.trainable, metadata: try texts(message.metadata, "metadata of \(what)"))
  }
}
