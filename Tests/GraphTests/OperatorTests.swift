import Foundation
import Graph
import Support
import Tensor
import TestSupport
import Testing

/// One-node graphs with the outputs of ONNX Runtime: Tests/Golden/operators/generate.py.
struct OperatorCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Values: Decodable, Sendable {
    let dtype: String
    let shape: [Int]
    let values: [Double]

    func tensor() throws -> Tensor {
      let names = ["float32": DType.f32, "int64": .i64, "uint8": .u8, "int8": .i8, "bool": .bool, "int32": .i32]
      return try Tensor(values, shape: Shape(shape)).converted(to: #require(names[dtype]))
    }
  }
  struct Value: Decodable, Sendable {
    let attribute: Graph.Attribute
    private enum Key: CodingKey { case kind, value }

    init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: Key.self)
      switch try fields.decode(String.self, forKey: .kind) {
      case "ints": attribute = .ints(try fields.decode([Int].self, forKey: .value))
      case "int": attribute = .int(try fields.decode(Int.self, forKey: .value))
      case "floats": attribute = .floats(try fields.decode([Double].self, forKey: .value))
      case "strings": attribute = .strings(try fields.decode([String].self, forKey: .value))
      case "float": attribute = .float(try fields.decode(Double.self, forKey: .value))
      default: attribute = .string(try fields.decode(String.self, forKey: .value))
      }
    }
  }
  let name: String
  let op: String
  let opset: Int
  let constants: [Int]
  let attributes: [String: Value]
  let inputs: [Values?]
  let outputs: [Values]
  var testDescription: String { name }

  /// The graph with inputs as ports, and what to feed them.
  func model() throws -> (Model, [String: Tensor]) {
    var ports: [Graph.Port] = [], feed: [String: Tensor] = [:], names: [String] = []
    var parameters: OrderedDictionary<String, Parameter> = [:]
    for (place, values) in inputs.enumerated() {
      guard let tensor = try values?.tensor() else {
        names.append("")
        continue
      }
      names.append("x\(place)")
      if constants.contains(place) {
        parameters["x\(place)"] = Parameter("x\(place)", tensor, isTrainable: false)
      } else {
        ports.append(Graph.Port("x\(place)", ValueType(of: tensor)))
        feed["x\(place)"] = tensor
      }
    }
    let results = outputs.indices.map { "y\($0)" }
    let node = Node(name: "node", op: op, inputs: names, outputs: results, attributes: attributes.mapValues(\.attribute))
    let model = Model(
      inputs: ports, outputs: results.map { Graph.Port($0, ValueType(.f32, nil)) }, nodes: [node], parameters: parameters,
      opset: opset)
    return (model, feed)
  }

  static let all: [OperatorCase] = {
    guard let data = FileManager.default.contents(atPath: TestFiles.golden("operators/cases.json")) else { return [] }
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return (try? decoder.decode([OperatorCase].self, from: data)) ?? []
  }()
}

@Suite struct OperatorTests {
  @Test func casesAreThere() { #expect(OperatorCase.all.count >= 100) }

  @Test(arguments: OperatorCase.all)
  func equalsONNXRuntime(_ example: OperatorCase) throws {
    let (model, feed) = try example.model()
    try model.verified()
    let types = try model.shapes()
    let result = try Interpreter(model).run(feed)
    for (place, values) in example.outputs.enumerated() {
      let value = try #require(result.outputs["y\(place)"]), expected = try values.tensor()
      #expect(try difference(value, expected, relative: 1e-5) == nil)
      let type = try #require(types["y\(place)"])
      #expect(type.dtype == expected.dtype)
      // How many elements are chosen is not known before.
      if !["NonZero", "Compress", "Unique", "NonMaxSuppression"].contains(example.op) { #expect(type.fixedShape == expected.shape.dimensions) }
    }
  }

  @Test func everyOperatorHasACase() {
    let tested = Set(OperatorCase.all.map(\.op))
    #expect(OperatorRegistry.names.filter { !$0.hasPrefix("test.") && !tested.contains($0) } == ["Constant"])
  }

  @Test func unknownOperatorIsNamed() throws {
    let node = Node(name: "thing", op: "Rleu", inputs: ["x"], outputs: ["y"])
    let error = #expect(throws: PareError.self) { try OperatorRegistry.find(for: node, opset: 17) }
    #expect(error?.code == .unsupported)
    #expect(error?.description.contains("'thing'") == true && error?.suggestion?.contains("'Relu'") == true)
  }

  /// A bias of the product's whole shape says how large a free batch is.
  @Test func gemmBiasOfTheWholeShape() throws {
    let w = try Tensor.randn([4, 3], seed: 1), c = try Tensor.randn([2, 3], seed: 2), x = try Tensor.randn([2, 4], seed: 3)
    func model(_ batch: Graph.Dimension) -> Model {
      Model(
        inputs: [Graph.Port("x", ValueType(.f32, [batch, 4]))], outputs: [Graph.Port("y", ValueType(.f32, nil))],
        nodes: [Node(name: "node", op: "Gemm", inputs: ["x", "w", "c"], outputs: ["y"])],
        parameters: ["w": Parameter("w", w), "c": Parameter("c", c)])
    }
    let free = model(.symbol("N"))
    try free.verified()
    #expect(try free.shapes()["y"]?.fixedShape == [2, 3])
    #expect(try difference(free(x), x.matmul(w) + c, relative: 1e-6) == nil)
    for batch in [1, 3] { #expect(throws: PareError.self) { try model(.fixed(batch)).verified() } }
  }

  @Test func wrongShapesNameTheLayer() throws {
    let error = #expect(throws: PareError.self) {
      try NN.sequential([NN.linear(inFeatures: 4, outFeatures: 2, name: "head")], input: [5])
    }
    #expect(error?.code == .shape && error?.layer == "head")
  }

  @Test(arguments: [
    ("Conv", ["strides": Graph.Attribute.ints([0, 1])]), ("Conv", ["group": .int(0)]), ("Conv", ["pads": .ints([1])]),
    ("Conv", ["strides": .string("two")]), ("MaxPool", ["kernel_shape": .ints([1 << 60, 1])]), ("MaxPool", [:]),
    ("Softmax", ["axis": .int(9)]), ("Transpose", ["perm": .ints([0, 0, 1, 2])]), ("Cast", ["to": .int(99)]),
    ("Squeeze", ["axes": .ints([1])]), ("Split", ["axis": .int(Int.min)]), ("Flatten", ["axis": .int(-5)]),
  ])
  func hostileAttributesAreErrors(op: String, attributes: [String: Graph.Attribute]) throws {
    let x = try Tensor.randn([1, 2, 4, 4], seed: 1)
    let inputs = op == "Conv" ? ["x", "w"] : ["x"]
    let model = Model(
      inputs: [Graph.Port("x", ValueType(of: x))], outputs: [Graph.Port("y", ValueType(.f32, nil))],
      nodes: [Node(name: "node", op: op, inputs: inputs, outputs: ["y"], attributes: attributes)],
      parameters: op == "Conv" ? ["w": Parameter("w", try Tensor.randn([2, 2, 3, 3], seed: 2))] : [:])
    #expect(throws: PareError.self) { try model.verified() }
    #expect(throws: PareError.self) { try model(x) }
  }
}
