import FoundationEssentials
import Graph
import OrderedCollections
import Support
import Tensor

/// One reading of a `ModelProto`.
struct GraphImport {
  let proto: Onnx_ModelProto
  private(set) var graph: Onnx_GraphProto
  let tensors: TensorImport
  let facts: ModelFacts
  let opset: Int
  /// Initializers of four-bit integers, which arrive here as eight-bit ones.
  let fourBits: Set<String>

  /// Sizes that the caller fixes, by input.
  private let shapes: [String: [Int]]

  init(_ proto: Onnx_ModelProto, path: String, external: ExternalData, shapes: [String: [Int]] = [:], leavesWeights: Bool = false) throws {
    guard proto.hasGraph else { throw PareError(.format, "not an ONNX model: it has no graph") }
    self.proto = proto
    graph = proto.graph
    self.shapes = shapes
    let narrow = [Onnx_TensorProto.DataType.int4, .uint4].map { Int32($0.rawValue) }
    fourBits = Set(proto.graph.initializer.filter { narrow.contains($0.dataType) }.map(\.name))
    tensors = TensorImport(external: external, file: path, leavesWeights: leavesWeights)
    facts = try ModelFacts(proto.metadataProps)
    if !proto.opsetImport.isEmpty, !proto.opsetImport.contains(where: { isStandard($0.domain) }), let node = proto.graph.node.first {
      throw PareError(.unsupported, "node '\(node.name)' is \(node.domain).\(node.opType); the model has no operators of ONNX's own domain",
                      layer: node.name, op: node.opType)
    }
    guard let version = proto.opsetImport.first(where: { isStandard($0.domain) })?.version else {
      throw PareError(.format, "the model does not say which opset of ONNX's operators it uses")
    }
    guard let opset = Int(exactly: version), ONNX.reads(opset, proto.graph.node.map(\.opType)) else {
      throw PareError(.unsupported, "opset", expected: "\(ONNX.opsets.lowerBound) to \(ONNX.opsets.upperBound)", got: "\(version)")
    }
    self.opset = opset
    if let flattening = try Flattening.flat(self, ports: ports()) {
      graph.node = flattening.nodes
      graph.initializer += flattening.initializers
    }
  }

  /// The inputs that are no initializers, with the sizes that the caller fixes.
  private func ports() throws -> [Port] {
    let given = Set(graph.initializer.map(\.name)).union(graph.sparseInitializer.map(\.values.name))
    let ports = try graph.input.filter { !given.contains($0.name) }.map { try port($0, "input") }
    for name in shapes.keys.sorted() where !ports.contains(where: { $0.name == name }) {
      throw PareError(.argument, "the model has no input '\(name)'", argument: "shape",
                      suggestion: Suggestion.didYouMean(name, among: ports.map(\.name)))
    }
    return try ports.map { port in
      guard let sizes = shapes[port.name] else { return port }
      if let shape = port.type.shape {
        guard shape.count == sizes.count, zip(shape, sizes).allSatisfy({ $0.value ?? $1 == $1 }), sizes.allSatisfy({ $0 >= 0 }) else {
          throw PareError(.shape, "the shape given for input '\(port.name)'", argument: "shape",
                          expected: "\(shape)", got: "\(sizes)")
        }
      }
      return Port(port.name, ValueType(port.type.dtype, sizes.map { .fixed($0) }))
    }
  }

  func model() throws -> Model {
    var initializers = try initializers()
    let ports = try ports()
    var nodes = try nodes()
    try expandIntegerOperators(&initializers, &nodes)
    try collectQuantized(&initializers, &nodes)
    collectConstants(&initializers, &nodes)
    collectCopies(&initializers, &nodes)
    nodes = try Topology.sorted(nodes, given: ports.map(\.name) + initializers.keys)

    var model = Model(inputs: ports, outputs: [], nodes: nodes, opset: opset)
    let uses = ParameterUse.all(in: nodes)
    for (name, value) in initializers {
      guard uses[name] != nil || graph.output.contains(where: { $0.name == name }) else { continue }
      let trainable = try ParameterUse.isTrainable(value, uses[name] ?? [])
      model.parameters[name] = Parameter(
        name, value, isTrainable: trainable, metadata: facts.parameters[name]?.metadata ?? [:])
    }
    try OpsetUpgrade.apply(&model, to: max(opset, ONNX.lowestWritten))
    for node in model.nodes { _ = try OperatorRegistry.find(for: node, opset: opset) }
    model.outputs = try outputs(of: model)
    facts.apply(to: &model)
    try model.verified()
    return try folded(model)
  }

  /// The model with constants in place of what follows from sizes and parameters alone.
  private func folded(_ model: Model) throws -> Model {
    var folded = try model.foldingShapes().foldingParameters()
    let uses = ParameterUse.all(in: folded.nodes)
    for name in folded.parameters.keys where model.parameters[name] == nil {
      guard let value = folded.parameters[name]?.value else { continue }
      folded.parameters[name]?.isTrainable = try ParameterUse.isTrainable(value, uses[name] ?? [])
    }
    return folded
  }

  /// Decodes all initializers; integers behind a DequantizeLinear are joined with their grid later.
  private func initializers() throws -> OrderedDictionary<String, any Representation> {
    var result: OrderedDictionary<String, any Representation> = [:]
    let dequantized = Set(graph.node.filter { $0.opType == "DequantizeLinear" }.compactMap(\.input.first))
    for tensor in graph.initializer {
      guard !tensor.name.isEmpty else { throw PareError(.format, "an initializer has no name") }
      let what = "initializer '\(tensor.name)'"
      // Four-bit integers exist only as integers with a grid, which QuantizedWeights looks for.
      let value: any Representation =
        try tensors.unread(tensor, among: dequantized.contains(tensor.name) ? [.i8, .u8] : [.f32], what)
        ?? DenseRepresentation(tensors.fourBits(tensor, what) ?? tensors.tensor(tensor, what))
      guard result.updateValue(value, forKey: tensor.name) == nil else {
        throw PareError(.format, "\(what) stands twice")
      }
    }
    for proto in graph.sparseInitializer {
      let (name, value) = try sparse(proto)
      guard !name.isEmpty, result.updateValue(value, forKey: name) == nil else {
        throw PareError(.format, "sparse initializer '\(name)' stands twice or has no name")
      }
    }
    return result
  }

  private func nodes() throws -> [Node] {
    var names: Set<String> = []
    return try graph.node.map { proto in
      guard !proto.opType.isEmpty else { throw PareError(.format, "node '\(proto.name)' has no operator") }
      var name = proto.name
      if name.isEmpty { name = proto.output.first { !$0.isEmpty } ?? "" }
      guard !name.isEmpty else { throw PareError(.format, "a node has neither name nor outputs", op: proto.opType) }
      // Names of nodes need not be unique in ONNX; those of layers are.
      var unique = name, count = 1
      while !names.insert(unique).inserted {
        unique = "\(name)_\(count)"
        count += 1
      }
      // Absent inputs at the end say nothing.
      var inputs = proto.input
      while inputs.last?.isEmpty == true { inputs.removeLast() }
      return Node(
        name: unique, op: proto.opType, domain: isStandard(proto.domain) ? "" : proto.domain, inputs: inputs,
        outputs: proto.output, attributes: try attributes(of: proto, unique))
    }
  }

  /// Makes parameters of the floating tensors that some exporters put into Constant nodes.
  private func collectConstants(
    _ initializers: inout OrderedDictionary<String, any Representation>, _ nodes: inout [Node]
  ) {
    nodes.removeAll { node in
      guard node.op == "Constant", node.domain.isEmpty, let output = node.outputs.first, initializers[output] == nil,
        case .tensor(let value)? = node.attributes["value"], value.dtype.isFloating, value.rank > 0
      else { return false }
      initializers[output] = DenseRepresentation(value)
      return true
    }
  }

  /// Gives each Identity of an initializer its own parameter, which stands behind the one it is a copy of: so PyTorch's
  /// exporter writes parameters that have equal values, and what is one number there need not stay one here.
  private func collectCopies(
    _ initializers: inout OrderedDictionary<String, any Representation>, _ nodes: inout [Node]
  ) {
    let outputs = Set(graph.output.map(\.name))
    var last: [String: String] = [:]
    nodes.removeAll { node in
      guard node.op == "Identity", node.domain.isEmpty, let source = node.input(0), let value = initializers[source],
        let output = node.outputs.first, initializers[output] == nil, !outputs.contains(output),
        let place = initializers.index(forKey: last[source] ?? source)
      else { return false }
      initializers.updateValue(value, forKey: output, insertingAt: place + 1)
      last[source] = output
      return true
    }
  }

  private func port(_ info: Onnx_ValueInfoProto, _ role: String) throws -> Port {
    let what = "\(role) '\(info.name)'"
    guard !info.name.isEmpty else { throw PareError(.format, "an \(role) of the graph has no name") }
    guard info.type.hasTensorType else { throw PareError(.unsupported, "\(what) is no tensor") }
    let tensor = info.type.tensorType
    let dtype = try ElementType.dtype(tensor.elemType, of: what)
    guard tensor.hasShape else { return Port(info.name, ValueType(dtype, nil)) }
    let shape = tensor.shape.dim.enumerated().map { axis, dimension -> Dimension in
      switch dimension.value {
      case .dimValue(let size)? where size >= 0: .fixed(Int(size))
      case .dimParam(let symbol)? where !symbol.isEmpty: .symbol(symbol)
      // A free size without a name: the batch, or one of its own.
      default: .symbol(axis == 0 ? "N" : "\(info.name).\(axis)")
      }
    }
    return Port(info.name, ValueType(dtype, shape))
  }

  /// The graph's outputs; the types that the file leaves out are inferred.
  private func outputs(of model: Model) throws -> [Port] {
    var inferred: [String: ValueType]?
    return try graph.output.map { info in
      if info.hasType, info.type.hasTensorType {
        let port = try port(info, "output")
        if port.type.shape != nil { return port }
      }
      if inferred == nil { inferred = try model.shapes() }
      guard let type = inferred?[info.name] else {
        throw PareError(.format, "output '\(info.name)' of the graph is made by no node")
      }
      return Port(info.name, ValueType(type.dtype, type.shape))
    }
  }
}

/// Whether `domain` is ONNX's own.
func isStandard(_ domain: String) -> Bool { domain.isEmpty || domain == "ai.onnx" }
