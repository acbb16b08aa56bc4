import Formats
import Graph
import OrderedCollections
import Support
import Tensor
import Testing
import TestSupport

/// Files of the exporters of PyTorch and of ONNX's own helpers, with the outputs that PyTorch and ONNX Runtime give.
@Suite struct ONNXTests {
  static let torch = [
    "cnn_script", "cnn_dynamo", "lenet_script", "lenet_dynamo", "residual_script", "residual_dynamo", "mlp_script",
    "mlp_dynamo",
  ]
  static let features = ["opset7", "opset12", "types", "qdq", "int4", "sparse", "external"]
  /// What the reader takes apart (generate_flow.py).
  static let flow = ["branch_shape", "loop", "scan", "functions", "qlinear", "upsample9", "resize10"]

  static func path(_ name: String) -> String { TestFiles.golden("onnx/\(name).onnx") }

  /// The input and the output of a golden file; both exports of a network share them.
  private func values(_ name: String) throws -> (x: Tensor, y: Tensor) {
    let base = Self.torch.contains(name) ? String(name.split(separator: "_")[0]) : name
    return (try NPY.load(TestFiles.golden("onnx/\(base).input.npy")), try NPY.load(TestFiles.golden("onnx/\(base).output.npy")))
  }

  @Test(arguments: torch + features + flow) func computesTheSame(name: String) throws {
    let (x, y) = try values(name)
    let model = try ONNX.load(Self.path(name))
    // Integers may fall on the other side of a half: a step of the last grid.
    #expect(try difference(model(x), y, relative: name == "qlinear" ? 0.02 : 1e-5) == nil)
  }

  @Test(arguments: torch + features + flow) func exportsWhatItImports(name: String) throws {
    let (x, y) = try values(name)
    let model = try ONNX.load(Self.path(name))
    try TestFiles.withFolder { folder in
      let sparse = ExportOptions(sparseInitializer: name == "sparse")
      try ONNX.save(model, to: "\(folder)/a.onnx", options: sparse)
      let again = try ONNX.load("\(folder)/a.onnx")
      #expect(try Models.difference(again, model) == nil)
      #expect(try difference(again(x), y, relative: name == "qlinear" ? 0.02 : 1e-5) == nil)
      #expect(try TestFiles.read("\(folder)/a.onnx") == ONNX.encode(again, options: sparse))
    }
  }

  /// What is beyond protobuf's 2 GB, here beyond 4 kB, has its larger tensors beside it.
  @Test func largeModelsKeepTheirTensorsAside() throws {
    var model = try Models.small(Models.representation("int8"))
    model.parameters["fc.weight"] = Parameter("fc.weight", try Tensor.randn([5, 48], seed: 1))
    model.parameters["wide"] = Parameter("wide", try Tensor.randn([48, 48], seed: 2))
    model.nodes.insert(Node(name: "between", op: "MatMul", inputs: ["flat", "wide"], outputs: ["mixed"]), at: 3)
    model.nodes[4].inputs[0] = "mixed"
    let x = try Tensor.randn([3, 2, 4, 4], seed: 3)
    try TestFiles.withFolder { folder in
      var options = ExportOptions()
      options.greatestFile = 4096
      try ONNX.save(model, to: "\(folder)/a.onnx", options: options)
      #expect(try TestFiles.read("\(folder)/a.onnx").count < 4096)
      #expect(try TestFiles.read("\(folder)/a.onnx.data").count == 48 * 48 * 4)
      let again = try ONNX.load("\(folder)/a.onnx")
      #expect(try Models.difference(again, model) == nil)
      #expect(try difference(again(x), model(x), relative: 0) == nil)
      // Over itself, while the file beside it is mapped.
      try ONNX.save(again, to: "\(folder)/a.onnx", options: options)
      #expect(try Models.difference(ONNX.load("\(folder)/a.onnx"), model) == nil)
      // The same in one file, its larger numbers read where they lie.
      try ONNX.save(again, to: "\(folder)/b.onnx")
      #expect(try Models.difference(ONNX.load("\(folder)/b.onnx"), model) == nil)
    }
  }

  @Test(arguments: torch + features) func travelsThroughPare(name: String) throws {
    let model = try ONNX.load(Self.path(name))
    try TestFiles.withFolder { folder in
      try PareFile.save(model, to: "\(folder)/a.pare", encode: true)
      #expect(try Models.difference(PareFile.load("\(folder)/a.pare"), model) == nil)
    }
  }

  @Test func takesControlFlowApart() throws {
    #expect(try !ONNX.load(Self.path("branch_shape")).nodes.contains { $0.op == "If" })
    #expect(try ONNX.load(Self.path("loop")).nodes.filter { $0.op == "MatMul" }.count == 3)
    #expect(try ONNX.load(Self.path("functions")).nodes.map(\.op) == ["MatMul", "LeakyRelu", "MatMul", "LeakyRelu"])
    let integers = try ONNX.load(Self.path("qlinear"))
    #expect(integers.parameters.values.filter { $0.value is IntegerRepresentation }.count == 2)
    #expect(!integers.nodes.contains { $0.op.hasPrefix("QLinear") })
  }

  @Test func sizesFixedByTheCallerDecideBranches() throws {
    // The file leaves the batch free; a shape that contradicts what it fixes is refused.
    let model = try ONNX.load(Self.path("branch_shape"), shapes: ["x": [2, 3, 1]])
    #expect(model.inputs[0].type.shape == [2, 3, 1])
    #expect(throws: PareError.self) { try ONNX.load(Self.path("branch_shape"), shapes: ["x": [2, 4, 1]]) }
    #expect(throws: PareError.self) { try ONNX.load(Self.path("branch_shape"), shapes: ["z": [2, 3, 1]]) }
  }

  @Test func keepsNamesAndSymbols() throws {
    let model = try ONNX.load(Self.path("cnn_script"))
    #expect(model.nodes.map(\.op) == ["Conv", "BatchNormalization", "Relu", "MaxPool", "Conv", "Relu", "Flatten", "Gemm"])
    #expect(model.nodes[0].name == "/conv1/Conv")
    #expect(model.inputs == [Port("x", ValueType(.f32, [.symbol("batch"), 1, 8, 8]))])
    #expect(model.outputs.map(\.name) == ["y"])
    #expect(Array(model.parameters.keys.prefix(5))
      == ["conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"])
    #expect(model.parameters.values.filter { !$0.isTrainable }.map(\.name) == ["bn1.running_mean", "bn1.running_var"])
    #expect(model.opset == 17)
  }

  /// Attributes became inputs, names come from outputs, and Softmax over several axes is kept as such.
  @Test func bringsOldOpsetsUpToDate() throws {
    let model = try ONNX.load(Self.path("opset7"))
    #expect(model.opset == 17)
    #expect(model.inputs.map(\.name) == ["x"])
    #expect(try model.node(named: "clipped").inputs == ["b", "clipped_min", "clipped_max"])
    #expect(try model.parameter(named: "padded_pads").value.dense().values(as: Int64.self) == [0, 0, 1, 1, 0, 0, 1, 1])
    #expect(try model.node(named: "b").attributes["spatial"] == nil)
    let later = try ONNX.load(Self.path("opset12"))
    #expect(try later.parameter(named: "w").isTrainable)
    #expect(later.nodes.contains { $0.name == "low" && $0.op == "Constant" })
  }

  @Test func readsIntegersBehindDequantizeLinearAsOneParameter() throws {
    let model = try ONNX.load(Self.path("qdq"))
    #expect(model.nodes.map(\.name)
      == ["x_quantize", "x_dequantize", "conv", "relu", "pool", "flatten", "matmul"])
    let w = try #require(try model.parameter(named: "w").value as? IntegerRepresentation)
    #expect(w.axis == 0)
    #expect(w.isSymmetric)
    let v = try #require(try model.parameter(named: "v").value as? IntegerRepresentation)
    #expect(v.axis == nil)
    #expect(try v.zeroPoints.item() == 117)
    #expect(!v.isSigned)
    let narrow = try ONNX.load(Self.path("int4"))
    let four = try #require(try narrow.parameter(named: "w").value as? IntegerRepresentation)
    #expect(four.bits == 4)
    #expect(four.axis == 1)
  }

  @Test(arguments: Models.representations) func keepsFactsBesideTheGraph(name: String) throws {
    var model = try Models.decorated()
    model.parameters["conv.weight"] = Parameter("conv.weight", try Models.representation(name))
    try TestFiles.withFolder { folder in
      try ONNX.save(model, to: "\(folder)/a.onnx")
      let again = try ONNX.load("\(folder)/a.onnx")
      #expect(again.ledger == model.ledger)
      #expect(again.normalization == model.normalization)
      #expect(again.metadata == model.metadata)
      #expect(again.nodes == model.nodes)
      #expect(again.parameters["fc.bias"]?.metadata == ["cut": "3"])
      let old = try model.parameter(named: "conv.weight").value, new = try again.parameter(named: "conv.weight").value
      #expect(try difference(new.dense(), old.dense(), relative: 0) == nil)
      if let old = old as? IntegerRepresentation {
        let new = try #require(new as? IntegerRepresentation)
        #expect(new.bits == old.bits)
        #expect(new.isNarrow == old.isNarrow)
        #expect(new.axis == old.axis)
        #expect(new.values.isIdentical(to: old.values))
        #expect(new.scales.isIdentical(to: old.scales))
        #expect(new.zeroPoints.isIdentical(to: old.zeroPoints))
      } else {
        #expect(new is DenseRepresentation)
      }
    }
  }

  @Test func profileTensorRTRefusesOtherIntegers() throws {
    let options = ExportOptions(profile: .tensorrt)
    _ = try ONNX.encode(Models.small(Models.representation("int8")), options: options)
    let affine = try Models.small(Models.representation("int8 affine"))
    expectError(.unsupported, "tensorrt", "conv.weight") { try ONNX.encode(affine, options: options) }
    let activations = try ONNX.load(Self.path("qdq"))
    expectError(.unsupported, "tensorrt") { try ONNX.encode(activations, options: options) }
  }

  /// Two linear layers of the same numbers side by side.
  private func twins() throws -> Model {
    var model = Model(
      inputs: [Port("x", ValueType(.f32, [.symbol("N"), 24]))], outputs: [Port("y", ValueType(.f32, [.symbol("N"), 24]))],
      nodes: [
        Node(name: "a", op: "MatMul", inputs: ["x", "a.weight"], outputs: ["middle"]),
        Node(name: "b", op: "MatMul", inputs: ["middle", "b.weight"], outputs: ["y"]),
      ])
    for name in ["a.weight", "b.weight"] { model.parameters[name] = Parameter(name, try Models.tensor([24, 24], 0.125)) }
    return model
  }

  /// As the exporter wrote them: once. What then differs is written twice.
  @Test func copiesOfAWeightAreWrittenOnce() throws {
    let model = try twins(), x = try Models.tensor([2, 24])
    try TestFiles.withFolder { folder in
      try ONNX.save(model, to: "\(folder)/a.onnx")
      #expect(try TestFiles.read("\(folder)/a.onnx").count < 2 * 24 * 24 * 4)
      let again = try ONNX.load("\(folder)/a.onnx")
      #expect(try Models.difference(again, model) == nil)
      #expect(try again(x).isEqual(to: model(x)))
      #expect(try TestFiles.read("\(folder)/a.onnx") == ONNX.encode(again))
      var other = again
      other.parameters["b.weight"]?.value = DenseRepresentation(try Models.tensor([24, 24], 0.25))
      try ONNX.save(other, to: "\(folder)/b.onnx")
      #expect(try TestFiles.read("\(folder)/b.onnx").count > 2 * 24 * 24 * 4)
      #expect(try Models.difference(ONNX.load("\(folder)/b.onnx"), other) == nil)
      // TensorRT takes no weight that a node hands on.
      #expect(try ONNX.encode(again, options: ExportOptions(profile: .tensorrt)).count > 2 * 24 * 24 * 4)
    }
  }

  /// A weight that the graph normalises is a weight; a row of it that is expanded, a shared one, and a table stay as they are.
  @Test func computedWeightsAreFolded() throws {
    func node(_ op: String, _ name: String, _ inputs: [String], _ attributes: [String: Attribute] = [:]) -> Node {
      Node(name: name, op: op, inputs: inputs, outputs: [name], attributes: attributes)
    }
    var model = Model(
      inputs: [Port("x", ValueType(.f32, [.symbol("N"), 12]))], outputs: [Port("y", ValueType(.f32, [.symbol("N"), 80]))],
      nodes: [
        node("ReduceL2", "norm", ["v"], ["axes": .ints([1]), "keepdims": .int(1)]), node("Div", "unit", ["v", "norm"]), node("Mul", "w", ["unit", "g"]),
        node("MatMul", "first", ["x", "w"]),
        node("Transpose", "turned", ["shared"]), node("MatMul", "second", ["first", "shared"]), node("MatMul", "third", ["second", "turned"]),
        node("Expand", "wide", ["row", "sizes"]), node("MatMul", "fourth", ["third", "wide"]),
        node("Gather", "chosen", ["table", "places"], ["axis": .int(0)]), node("Add", "y", ["fourth", "chosen"]),
      ])
    for (name, shape) in [("v", [12, 12]), ("g", [12, 1]), ("shared", [12, 12]), ("row", [1, 80]), ("table", [70, 80])] as [(String, Shape)] {
      model.parameters[name] = Parameter(name, try Models.tensor(shape))
    }
    model.parameters["sizes"] = Parameter("sizes", try Tensor([Int64(12), 80], shape: [2]), isTrainable: false)
    model.parameters["places"] = Parameter("places", try Tensor([Int64(3)], shape: [1]), isTrainable: false)
    let x = try Models.tensor([2, 12])
    try TestFiles.withFolder { folder in
      try ONNX.save(model, to: "\(folder)/a.onnx")
      let read = try ONNX.load("\(folder)/a.onnx")
      #expect(read.nodes.map(\.name) == ["first", "turned", "second", "third", "wide", "fourth", "chosen", "y"])
      #expect(try read.parameter(named: "w").isTrainable)
      #expect(read.parameters["v"] == nil && read.parameters["g"] == nil)
      #expect(try difference(read(x), model(x), relative: 1e-6) == nil)
      try ONNX.save(read, to: "\(folder)/b.onnx")
      #expect(try Models.difference(ONNX.load("\(folder)/b.onnx"), read) == nil)
    }
  }

  @Test(.enabled(if: TestFiles.models != nil, "needs PARE_MODELS")) func readsATrainedNetwork() throws {
    let folder = try #require(TestFiles.models)
    let model = try ONNX.load("\(folder)/resnet20-cifar10.onnx")
    // Copies of parameters that only happen to be equal are parameters of their own again.
    #expect(!model.nodes.contains { $0.op == "Identity" })
    let state = try Safetensors.load("\(folder)/resnet20-cifar10.safetensors")
    for (name, parameter) in model.parameters {
      let stored = try #require(state[name], "\(name)")
      #expect(try difference(parameter.value.dense(), stored, relative: 0) == nil)
    }
    try TestFiles.withFolder { temporary in
      try ONNX.save(model, to: "\(temporary)/a.onnx")
      #expect(try Models.difference(ONNX.load("\(temporary)/a.onnx"), model) == nil)
    }
  }
}
