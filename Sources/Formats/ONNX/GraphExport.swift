import FoundationEssentials
import Graph
import Support
import SwiftProtobuf
import Tensor

/// One writing of a `ModelProto`.
struct GraphExport {
  let options: ExportOptions
  let model: Model
  private let aside: TensorsAside?
  private var used: Set<String>
  var graph = Onnx_GraphProto()

  init(_ model: Model, options: ExportOptions, aside: TensorsAside? = nil) throws {
    try model.verified()
    self.aside = aside
    var model = model
    try OpsetUpgrade.apply(&model, to: max(ONNX.lowestWritten, Self.opsetNeeded(by: model.nodes)))
    self.model = model
    self.options = options
    used = model.usedNames
  }

  /// The opset in which the youngest of the operators came.
  private static func opsetNeeded(by nodes: [Node]) -> Int {
    nodes.contains { $0.op == "Gelu" && $0.domain.isEmpty } ? 20 : 0
  }

  /// The version of the file format that came with an opset.
  private static func formatVersion(opset: Int) -> Int64 {
    switch opset {
    case ...18: 8
    case ...20: 9
    default: 10
    }
  }

  mutating func proto() throws -> Onnx_ModelProto {
    guard model.opset <= ONNX.opsets.upperBound else {
      throw PareError(.unsupported, "opset", expected: "at most \(ONNX.opsets.upperBound)", got: "\(model.opset)")
    }
    graph.name = "pare"
    graph.input = try model.inputs.map { try info($0, "input") }
    let types = model.outputs.contains { $0.type.shape == nil } ? try model.shapes() : [:]
    graph.output = try model.outputs.map { port in
      let type = port.type.shape == nil ? types[port.name] ?? port.type : port.type
      return try info(Port(port.name, type), "output")
    }
    var before: (name: String, tensor: Tensor)?
    for (name, parameter) in model.parameters {
      if try addCopy(name, parameter, of: &before) { continue }
      switch parameter.value {
      case let integers as IntegerRepresentation: try addQuantized(name, integers)
      case let codes as CodebookRepresentation: try addCodebook(name, codes)
      case let signs as BinaryRepresentation:
        let codes = try signs.signs.values(as: UInt8.self).map { $0 * 2 }
        try addScaledTable(name, codes, signs.shape, scales: signs.scales, axis: signs.axis)
      case let thirds as TernaryRepresentation:
        let codes = try thirds.values.values(as: Int8.self).map { UInt8($0 + 1) }
        try addScaledTable(name, codes, thirds.shape, scales: thirds.scales, axis: thirds.axis)
      case let sparse as any SparseRepresentation where options.sparseInitializer:
        try addSparse(name, sparse as? CSRRepresentation ?? CSRRepresentation(sparse.dense(), pattern: sparse.pattern()))
      case let value: graph.initializer.append(try tensor(value.dense(), name))
      }
    }
    for node in model.nodes {
      try check(node)
      graph.node.append(try self.node(node))
    }
    let facts = ModelFacts(of: model)
    let domains = Set(model.nodes.map(\.domain)).filter { !$0.isEmpty }.sorted()
    return try .with { proto in
      proto.irVersion = Self.formatVersion(opset: model.opset)
      proto.producerName = "pare"
      proto.opsetImport = ([("", Int64(model.opset))] + domains.map { ($0, 1) }).map { pair in
        .with {
          $0.domain = pair.0
          $0.version = pair.1
        }
      }
      proto.metadataProps = try facts.properties()
      proto.graph = graph
    }
  }

  /// Writes a weight that holds the same numbers as the one before it as its Identity, as PyTorch's exporter does with
  /// layers that began as copies; the reader makes two of them again. Returns false where it is one of its own.
  private mutating func addCopy(_ name: String, _ parameter: Parameter, of before: inout (name: String, tensor: Tensor)?) throws -> Bool {
    guard options.profile == .standard, let dense = parameter.value as? DenseRepresentation, dense.tensor.rank >= 2,
      dense.tensor.count >= Self.leastCopy
    else {
      before = nil
      return false
    }
    guard let first = before, try Self.holdsSame(first.tensor, dense.tensor) else {
      before = (name, dense.tensor)
      return false
    }
    graph.node.append(try node(Node(name: unique("\(name)_copy"), op: "Identity", inputs: [first.name], outputs: [name])))
    return true
  }

  /// Fewer numbers take less than the node that would stand for them.
  private static let leastCopy = 256

  private static func holdsSame(_ a: Tensor, _ b: Tensor) throws -> Bool {
    guard a.dtype == b.dtype, a.shape == b.shape else { return false }
    return try a.withBytes { x in try b.withBytes { y in x.elementsEqual(y) } }
  }

  /// What the profile asks of quantized activations.
  private func check(_ node: Node) throws {
    guard options.profile == .tensorrt, node.op == "QuantizeLinear" || node.op == "DequantizeLinear" else { return }
    let zero = try node.input(2).flatMap { try model.parameters[$0]?.value.dense() }
    guard let zero, zero.dtype == .i8, try zero.scalars().allSatisfy({ $0 == 0 }) else {
      throw PareError(.unsupported, "profile tensorrt: \(node.op) '\(node.name)'", expected: "an i8 zero point of 0",
                      got: zero.map { "\($0.dtype.name)" } ?? "u8", layer: node.name, op: node.op)
    }
  }

  /// Returns `name`, or `name_1` and so on where it is taken.
  mutating func unique(_ name: String) -> String {
    var candidate = name, count = 1
    while !used.insert(candidate).inserted {
      candidate = "\(name)_\(count)"
      count += 1
    }
    return candidate
  }

  private func info(_ port: Port, _ role: String) throws -> Onnx_ValueInfoProto {
    let code = try ElementType.code(port.type.dtype, of: "\(role) '\(port.name)'")
    return .with { info in
      info.name = port.name
      info.type.tensorType.elemType = code
      guard let shape = port.type.shape else { return }
      info.type.tensorType.shape.dim = shape.map { dimension in
        .with {
          switch dimension {
          case .fixed(let size): $0.dimValue = Int64(size)
          case .symbol(let name): $0.dimParam = name
          }
        }
      }
      // A scalar has a shape too: one without axes.
      if shape.isEmpty { info.type.tensorType.shape = .init() }
    }
  }

  func tensor(_ tensor: Tensor, _ name: String) throws -> Onnx_TensorProto {
    let code = try ElementType.code(tensor.dtype, of: "'\(name)'")
    return try .with { proto in
      proto.name = name
      proto.dims = tensor.shape.map(Int64.init)
      proto.dataType = code
      if try aside?.take(tensor, &proto) == true { return }
      proto.rawData = try tensor.withBytes { Data($0) }
    }
  }

  func node(_ node: Node) throws -> Onnx_NodeProto {
    let attributes = try node.attributes.sorted { $0.key < $1.key }.map { try attribute($0.key, $0.value) }
    return .with {
      $0.name = node.name
      $0.opType = node.op
      $0.domain = node.domain
      $0.input = node.inputs
      $0.output = node.outputs
      $0.attribute = attributes
    }
  }

  private func attribute(_ name: String, _ value: Attribute) throws -> Onnx_AttributeProto {
    try .with { proto in
      proto.name = name
      switch value {
      case .int(let value):
        proto.type = .int
        proto.i = Int64(value)
      case .float(let value):
        proto.type = .float
        proto.f = Float(value)
      case .string(let value):
        proto.type = .string
        proto.s = Data(value.utf8)
      case .ints(let values):
        proto.type = .ints
        proto.ints = values.map(Int64.init)
      case .floats(let values):
        proto.type = .floats
        proto.floats = values.map(Float.init)
      case .strings(let values):
        proto.type = .strings
        proto.strings = values.map { Data($0.utf8) }
      case .tensor(let value):
        proto.type = .tensor
        proto.t = try tensor(value, "")
      }
    }
  }
}
