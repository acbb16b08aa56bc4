import Support
import Tensor

extension Model {
  /// Returns the content hash: SHA-256 of graph and parameters as they are stored, in 64 hexadecimal digits.
  ///
  /// The ledger and metadata do not count: two histories that end in the same network give the same hash.
  public func hash() throws -> String {
    var writer = CanonicalWriter()
    writer.add("pare model 1", "\(opset)")
    for ports in [inputs, outputs] {
      writer.add("\(ports.count)")
      for port in ports { writer.add(port.name, port.type.description) }
    }
    writer.add("\(nodes.count)")
    for node in nodes {
      writer.add(node.name, node.domain, node.op, node.origin ?? "")
      for names in [node.inputs, node.outputs] { writer.add(names) }
      for (name, value) in node.attributes.sorted(by: { $0.key < $1.key }) {
        writer.add(name, value.kind)
        try writer.add(value)
      }
    }
    for (name, parameter) in parameters.sorted(by: { $0.key < $1.key }) {
      writer.add(name, type(of: parameter.value).kind, "\(parameter.isTrainable)")
      var encoder = RepresentationEncoder()
      try parameter.value.encode(into: &encoder)
      for (field, value) in encoder.scalars { writer.add(field, "\(value)") }
      for (field, blob) in encoder.blobs {
        writer.add(field)
        try writer.add(blob)
      }
    }
    return writer.digest
  }
}

/// Feeds a hash with length-prefixed fields, so that no two contents give the same bytes.
private struct CanonicalWriter {
  private var hash = SHA256()
  /// Bytes taken in between two looks at whether to stop.
  private static let stretch = 1 << 23

  mutating func add(_ fields: String...) { for field in fields { hash.update("\(field.utf8.count):\(field)") } }

  mutating func add(_ list: [String]) {
    add("\(list.count)")
    for field in list { add(field) }
  }

  mutating func add(_ value: Attribute) throws {
    switch value {
    case .tensor(let tensor): try add(tensor)
    case .strings(let values): add(values)
    default: add(value.description)
    }
  }

  mutating func add(_ tensor: Tensor) throws {
    add(tensor.dtype.name, "\(tensor.shape.dimensions)")
    try tensor.withBytes { bytes in
      for start in stride(from: 0, to: bytes.count, by: Self.stretch) {
        try Interrupt.check()
        hash.update(UnsafeRawBufferPointer(rebasing: bytes[start..<min(bytes.count, start + Self.stretch)]))
      }
    }
  }

  var digest: String { hash.hex }
}
