import Graph
import OrderedCollections
import Support
import Tensor

/// Networks for the tests of files.
enum Models {
  static func numbers(_ count: Int, _ scale: Float = 0.25) -> [Float] {
    (0..<count).map { Float(($0 * 7) % 11 - 5) * scale }
  }

  static func tensor(_ shape: Shape, _ scale: Float = 0.25) throws -> Tensor {
    try Tensor(numbers(shape.count, scale), shape: shape)
  }

  /// conv - relu - flatten - fc on `[N, 2, 4, 4]`, the convolution's weight as given.
  static func small(_ weight: any Representation) throws -> Model {
    var model = Model(
      inputs: [Port("x", ValueType(.f32, [.symbol("N"), 2, 4, 4]))],
      outputs: [Port("y", ValueType(.f32, [.symbol("N"), 5]))],
      nodes: [
        Node(name: "conv", op: "Conv", inputs: ["x", "conv.weight", "conv.bias"], outputs: ["conv_out"],
             attributes: ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])]),
        Node(name: "relu", op: "Relu", inputs: ["conv_out"], outputs: ["relu_out"]),
        Node(name: "flatten", op: "Flatten", inputs: ["relu_out"], outputs: ["flat"], attributes: ["axis": .int(1)]),
        Node(name: "fc", op: "Gemm", inputs: ["flat", "fc.weight", "fc.bias"], outputs: ["y"],
             attributes: ["transB": .int(1), "alpha": .float(1)]),
      ])
    model.parameters["conv.weight"] = Parameter("conv.weight", weight)
    model.parameters["conv.bias"] = Parameter("conv.bias", try tensor([3]))
    model.parameters["fc.weight"] = Parameter("fc.weight", try tensor([5, 48]))
    model.parameters["fc.bias"] = Parameter("fc.bias", try tensor([5]))
    return model
  }

  /// One representation of each kind and several widths, for the convolution's weight of `small`.
  static let representations: [String] = ["dense", "masked", "csr", "int8", "int8 affine", "int5 held", "int4", "int2"]

  static func representation(_ name: String) throws -> any Representation {
    let shape: Shape = [3, 2, 3, 3]
    let values = try tensor(shape)
    let mask = try values.gt(0)
    let scales = try Tensor([Float(0.01), 0.5, 0.125], shape: [3])
    func integers(_ bits: Int, _ mask: Tensor? = nil, narrow: Bool = false) throws -> IntegerRepresentation {
      try .quantizing(values, scales: scales, axis: 0, bits: bits, isNarrow: narrow, mask: mask)
    }
    switch name {
    case "masked": return try MaskedRepresentation(values, mask: mask)
    case "csr": return try CSRRepresentation(values, pattern: mask)
    case "int8": return try integers(8)
    case "int8 affine":
      return try IntegerRepresentation.quantizing(
        values, scales: Tensor.scalar(0.02), zeroPoints: Tensor([UInt8(100)], shape: []), signed: false)
    case "int5 held": return try integers(5, mask, narrow: true)
    case "int4": return try integers(4)
    case "int2": return try integers(2)
    default: return DenseRepresentation(values)
    }
  }

  /// `small` with everything that a model can carry beside its graph.
  static func decorated() throws -> Model {
    var model = try small(representation("int4"))
    model.normalization = Normalization(mean: [0.1307], deviation: [0.3081])
    model.metadata = ["author": "someone", "note": "über 100 %"]
    model.ledger = [
      LedgerEntry(method: "prune", arguments: .table(["sparsity": .number(0.5), "keep": .list([.string("fc")])]), seed: 7,
                  version: "0.1", parent: "abc"),
    ]
    model.nodes[3].origin = "classifier"
    model.parameters["conv.bias"]?.isTrainable = false
    model.parameters["fc.bias"]?.metadata = ["cut": "3"]
    return model
  }

  /// Says what differs between two models, or returns nil.
  static func difference(_ a: Model, _ b: Model) throws -> String? {
    if a.inputs != b.inputs { return "inputs: \(a.inputs) \(b.inputs)" }
    if a.outputs != b.outputs { return "outputs: \(a.outputs) \(b.outputs)" }
    for (x, y) in zip(a.nodes, b.nodes) where x != y { return "node: \(x) \(y)" }
    if a.nodes.count != b.nodes.count { return "nodes: \(a.nodes.count) \(b.nodes.count)" }
    if a.opset != b.opset { return "opset: \(a.opset) \(b.opset)" }
    if a.ledger != b.ledger { return "ledger: \(a.ledger) \(b.ledger)" }
    if a.normalization != b.normalization { return "normalization" }
    if a.metadata != b.metadata { return "metadata: \(a.metadata) \(b.metadata)" }
    if Array(a.parameters.keys) != Array(b.parameters.keys) { return "parameters: \(a.parameters.keys) \(b.parameters.keys)" }
    for (x, y) in zip(a.parameters.values, b.parameters.values) {
      if x.isTrainable != y.isTrainable || x.metadata != y.metadata { return "parameter '\(x.name)'" }
      if let found = try difference(x.value, y.value) { return "parameter '\(x.name)': \(found)" }
    }
    return nil
  }

  private static func difference(_ a: any Representation, _ b: any Representation) throws -> String? {
    if type(of: a).kind != type(of: b).kind { return "\(a.label) \(b.label)" }
    var x = RepresentationEncoder(), y = RepresentationEncoder()
    try a.encode(into: &x)
    try b.encode(into: &y)
    if x.scalars != y.scalars { return "\(x.scalars) \(y.scalars)" }
    if Array(x.blobs.keys) != Array(y.blobs.keys) { return "\(x.blobs.keys) \(y.blobs.keys)" }
    for (name, tensor) in x.blobs {
      guard let other = y.blobs[name], tensor.isIdentical(to: other) else { return "'\(name)'" }
    }
    return nil
  }
}
