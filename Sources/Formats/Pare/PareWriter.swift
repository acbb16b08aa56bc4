import Graph
import Support
import SwiftProtobuf
import Tensor

/// One writing of a `.pare` file: all sizes and checksums are known before the first byte goes out.
struct PareWriter {
  private static let headerLevel: Int32 = 19
  private static let blobLevel: Int32 = 12

  private enum Piece {
    case tensor(Tensor)
    case bytes([UInt8])
  }

  private let encode: Bool
  private var header = Pare_Header()
  private var pieces: [Piece] = []
  private var preamble: [UInt8] = []
  /// Bytes of the whole file.
  private(set) var size = 0

  init(_ model: Model, encode: Bool) throws {
    try model.verified()
    self.encode = encode
    try add(model)
    let plain: [UInt8] = try header.serializedBytes()
    let stored = try plain.withUnsafeBytes { try Zstandard.compress($0, level: Self.headerLevel) }
    guard plain.count / Zstandard.greatestRatio <= stored.count, plain.count <= Int(UInt32.max) else {
      throw PareError(.unsupported, "the graph is too large for a .pare file (\(plain.count) bytes)")
    }
    var end = PareLayout.headerStart + stored.count
    for (blob, piece) in zip(header.blobs, pieces) {
      let count = Self.count(of: piece)
      end = PareLayout.start(after: end, stored: count, isCompressed: blob.compressed > 0) + count
    }
    size = end
    preamble = PareLayout.magic + PareLayout.version.littleEndianBytes + UInt32(stored.count).littleEndianBytes
    preamble += UInt32(plain.count).littleEndianBytes + stored.withUnsafeBytes { CRC32C.of($0) }.littleEndianBytes
    preamble += UInt64(size).littleEndianBytes
    preamble += preamble.withUnsafeBytes { CRC32C.of($0) }.littleEndianBytes
    preamble += stored
  }

  /// Hands all bytes to `write`, piece by piece.
  func write(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
    try preamble.withUnsafeBytes(write)
    var end = preamble.count
    for (blob, piece) in zip(header.blobs, pieces) {
      let count = Self.count(of: piece)
      let start = PareLayout.start(after: end, stored: count, isCompressed: blob.compressed > 0)
      try [UInt8](repeating: 0, count: start - end).withUnsafeBytes(write)
      switch piece {
      case .tensor(let tensor): try tensor.withBytes(write)
      case .bytes(let bytes): try bytes.withUnsafeBytes(write)
      }
      end = start + count
    }
  }

  private static func count(of piece: Piece) -> Int {
    switch piece {
    case .tensor(let tensor): tensor.byteCount
    case .bytes(let bytes): bytes.count
    }
  }

  /// Adds a tensor's bytes and returns the number of their blob.
  private mutating func add(blob tensor: Tensor) throws -> UInt32 {
    var blob = Pare_Blob()
    blob.dtype = tensor.dtype.name
    blob.shape = tensor.shape.map(Int64.init)
    var compressed: [UInt8]?
    if encode {
      let frame = try tensor.withBytes { try Zstandard.compress($0, level: Self.blobLevel) }
      // A frame beyond the ratio that readers accept would be refused as a bomb.
      if frame.count < tensor.byteCount, tensor.byteCount / Zstandard.greatestRatio <= frame.count { compressed = frame }
    }
    if let compressed {
      blob.compressed = UInt64(compressed.count)
      blob.checksum = compressed.withUnsafeBytes { CRC32C.of($0) }
      pieces.append(.bytes(compressed))
    } else {
      blob.checksum = try tensor.withBytes { CRC32C.of($0) }
      pieces.append(.tensor(tensor))
    }
    header.blobs.append(blob)
    return UInt32(header.blobs.count - 1)
  }

  private mutating func add(_ model: Model) throws {
    header.inputs = model.inputs.map(port)
    header.outputs = model.outputs.map(port)
    for node in model.nodes { header.nodes.append(try message(node)) }
    for (name, parameter) in model.parameters { header.parameters.append(try message(name, parameter)) }
    header.opset = Int64(model.opset)
    if let normalization = model.normalization {
      header.normalization = .with {
        $0.mean = normalization.mean
        $0.deviation = normalization.deviation
      }
    }
    header.metadata = texts(model.metadata)
    if !model.ledger.isEmpty { header.ledger = try CanonicalJSON.data(model.ledger) }
  }

  private func texts(_ values: [String: String]) -> [Pare_Text] {
    values.sorted { $0.key < $1.key }.map { pair in
      .with {
        $0.key = pair.key
        $0.value = pair.value
      }
    }
  }

  private func port(_ port: Port) -> Pare_Port {
    .with {
      $0.name = port.name
      $0.dtype = port.type.dtype.name
      $0.hasShape_p = port.type.shape != nil
      $0.shape = (port.type.shape ?? []).map { dimension in
        .with {
          switch dimension {
          case .fixed(let size): $0.fixed = Int64(size)
          case .symbol(let name): $0.symbol = name
          }
        }
      }
    }
  }

  private mutating func message(_ node: Node) throws -> Pare_Node {
    var message = Pare_Node()
    message.name = node.name
    message.op = node.op
    message.domain = node.domain
    message.inputs = node.inputs
    message.outputs = node.outputs
    if let origin = node.origin { message.origin = origin }
    for (name, value) in node.attributes.sorted(by: { $0.key < $1.key }) {
      var attribute = Pare_Attribute()
      attribute.name = name
      switch value {
      case .int(let value): attribute.integer = Int64(value)
      case .float(let value): attribute.number = value
      case .string(let value): attribute.string = value
      case .ints(let values): attribute.integers.values = values.map(Int64.init)
      case .floats(let values): attribute.numbers.values = values
      case .strings(let values): attribute.strings.values = values
      case .tensor(let value): attribute.tensor = try add(blob: value)
      }
      message.attributes.append(attribute)
    }
    return message
  }

  private mutating func message(_ name: String, _ parameter: Parameter) throws -> Pare_Parameter {
    var encoder = RepresentationEncoder()
    try parameter.value.encode(into: &encoder)
    var message = Pare_Parameter()
    message.name = name
    message.kind = type(of: parameter.value).kind
    message.trainable = parameter.isTrainable
    message.metadata = texts(parameter.metadata)
    for (name, scalar) in encoder.scalars {
      var field = Pare_Field()
      field.name = name
      switch scalar {
      case .integer(let value): field.integer = Int64(value)
      case .number(let value): field.number = value
      case .boolean(let value): field.boolean = value
      case .string(let value): field.string = value
      case .integers(let values): field.integers.values = values.map(Int64.init)
      }
      message.fields.append(field)
    }
    for (name, tensor) in encoder.blobs {
      var field = Pare_Field()
      field.name = name
      field.blob = try add(blob: tensor)
      message.fields.append(field)
    }
    return message
  }
}
