import CKernels
import Graph
import OrderedCollections
import Runtime
import Support
import Tensor
import TestSupport
import Testing

/// What a session makes of several operators at once equals the operators one by one.
@Suite struct FusionTests {
  /// A graph of nodes over named parameters.
  struct Builder {
    var model: Model
    init(_ inputs: [Port]) { model = Model(inputs: inputs, outputs: [], nodes: []) }

    @discardableResult
    mutating func add(_ op: String, _ inputs: [String], _ output: String, _ attributes: [String: Attribute] = [:]) -> String {
      model.nodes.append(Node(name: "\(output)_\(op)", op: op, inputs: inputs, outputs: [output], attributes: attributes))
      return output
    }
    mutating func parameter(_ name: String, _ tensor: Tensor) -> String {
      model.parameters[name] = Parameter(name, tensor, isTrainable: tensor.dtype.isFloating)
      return name
    }
    mutating func weights(_ name: String, _ sizes: [Int], scale: Double = 0.2) throws -> String {
      parameter(name, try Tensor.randn(Shape(sizes), seed: 9, stream: Philox.stream(named: name)) * scale)
    }
    mutating func number(_ name: String, _ value: Double) throws -> String { parameter(name, try Tensor.scalar(value)) }
    func finished(_ output: String) -> Model {
      var result = model
      result.outputs = [Port(output, ValueType(.f32, nil))]
      return result
    }
  }

  static func input(_ sizes: [Int]) -> Port {
    Port("x", ValueType(.f32, [.symbol("N")] + sizes.map { .fixed($0) }))
  }

  private func check(_ model: Model, batch: Int = 2, relative: Double = 2e-5, ops: [String]? = nil) throws {
    for threads in [1, 2] {
      let session = try Session(model, threads: threads, batch: batch)
      let inputs = try session.syntheticInputs(seed: 11)
      let got = try session.run(inputs)
      for (name, value) in try Interpreter(model).run(inputs).outputs {
        let problem = try difference(#require(got[name]), value, relative: relative)
        #expect(problem == nil, "\(problem ?? "")")
      }
      if let ops { #expect(try session.profile(inputs, runs: 1).map(\.op).filter { $0 != "Reorder" && $0 != "Copy" } == ops) }
      for (name, value) in try session.run(inputs) {
        #expect(try value.values(as: Float.self) == got[name]?.values(as: Float.self))
      }
    }
  }

  @Test(arguments: [false, true])
  func geluWrittenOutIsOneFunction(_ halfFirst: Bool) throws {
    var b = Builder([FusionTests.input([5, 12])])
    let w = try b.weights("w", [12, 20]), bias = try b.weights("b", [20])
    let root = try b.number("root", 2.0.squareRoot()), one = try b.number("one", 1), half = try b.number("half", 0.5)
    b.add("MatMul", ["x", w], "m")
    b.add("Add", ["m", bias], "s")
    b.add("Div", ["s", root], "d")
    b.add("Erf", ["d"], "e")
    b.add("Add", ["e", one], "p")
    if halfFirst {
      b.add("Mul", ["s", half], "h")
      b.add("Mul", ["h", "p"], "y")
    } else {
      b.add("Mul", ["s", "p"], "q")
      b.add("Mul", ["q", half], "y")
    }
    try check(b.finished("y"), ops: ["MatMul+Add+Gelu"])
  }

  /// Steps that are there only with wide registers.
  private func wide(_ ops: [String]) -> [String]? { pare_isa_level() == PARE_ISA_PORTABLE ? nil : ops }

  /// The two layers of an MLP, with a residual: one step; apart where somebody else reads what is between them.
  @Test(arguments: [false, true])
  func productsInARowAreOneStep(_ isRead: Bool) throws {
    var b = Builder([FusionTests.input([39, 48])])
    let first = try b.weights("w1", [48, 200]), second = try b.weights("w2", [200, 48]), bias = try b.weights("b", [200])
    b.model.opset = 20
    b.add("MatMul", ["x", first], "m")
    b.add("Add", ["m", bias], "s")
    b.add("Gelu", ["s"], "g")
    b.add("MatMul", ["g", second], "p")
    b.add("Add", ["p", "x"], "y")
    var model = b.finished("y")
    if isRead { model.outputs.append(Port("g", ValueType(.f32, nil))) }
    try check(model, batch: 3, ops: wide(isRead ? ["MatMul+Add+Gelu", "MatMul+Add"] : ["MatMul+Add+Gelu, MatMul+Add"]))
  }

  /// Squeeze and excitation, on images in blocks of channels (Winograd's form) and channels-last.
  @Test(arguments: [32, 24])
  func gatesOfChannelsAreOnePass(_ channels: Int) throws {
    var b = Builder([FusionTests.input([channels, 19, 16])])
    let first = try b.weights("w1", [channels, channels, 3, 3]), second = try b.weights("w2", [channels, channels, 1, 1], scale: 1)
    b.add("Conv", ["x", first], "c", ["pads": .ints([1, 1, 1, 1])])
    b.add("GlobalAveragePool", ["c"], "p")
    b.add("Conv", ["p", second], "g")
    b.add("Sigmoid", ["g"], "s")
    b.add("Mul", ["s", "c"], "y")
    let model = b.finished("y")
    for batch in [1, 3] { try check(model, batch: batch) }
    let session = try Session(model, threads: 2, batch: 3)
    let step = try #require(session.profile(session.syntheticInputs(seed: 1), runs: 1).first { $0.op == "Mul" })
    #expect(step.implementation == "rows")
  }

  /// Factors of a pointwise convolution, the second with a batch normalization and a residual.
  @Test func pointwiseConvolutionsInARowAreOneStep() throws {
    var b = Builder([FusionTests.input([40, 9, 7])])
    let first = try b.weights("w1", [72, 40, 1, 1]), second = try b.weights("w2", [40, 72, 1, 1])
    let vectors = try ["scale", "shift", "mean"].map { try b.weights($0, [40], scale: 1) }
    let variance = b.parameter("variance", try Tensor.full([40], 0.7))
    b.add("Conv", ["x", first], "m")
    b.add("Conv", ["m", second], "c")
    b.add("BatchNormalization", ["c"] + vectors + [variance], "n")
    b.add("Add", ["n", "x"], "s")
    b.add("Relu", ["s"], "y")
    try check(b.finished("y"), ops: wide(["Conv, Conv+BatchNormalization+Add+Relu"]))
  }

  struct Twice: Sendable, CustomTestStringConvertible {
    var first: (op: String, attributes: [String: Attribute]), second: (op: String, attributes: [String: Attribute])
    var ops: [String]
    var testDescription: String { ops.joined(separator: ", ") }
  }

  /// One function twice inside a kernel has one set of parameters; with two sets the second stands behind the layer.
  @Test(arguments: [
    Twice(
      first: ("Clip", ["min": .float(-0.1), "max": .float(0.4)]), second: ("Clip", ["min": .float(-0.05), "max": .float(0.1)]),
      ops: ["Conv+Clip", "Clip"]),
    Twice(first: ("LeakyRelu", ["alpha": .float(0.3)]), second: ("Relu", [:]), ops: ["Conv+LeakyRelu", "Relu"]),
    Twice(first: ("Relu", [:]), second: ("Relu", [:]), ops: ["Conv+Relu+Relu"]),
  ])
  func oneFunctionTwice(_ c: Twice) throws {
    var b = Builder([FusionTests.input([4, 6, 6])])
    let weights = try b.weights("w", [8, 4, 3, 3])
    b.add("Conv", ["x", weights], "c")
    b.add(c.first.op, ["c"], "a", c.first.attributes)
    b.add(c.second.op, ["a"], "y", c.second.attributes)
    try check(b.finished("y"), ops: c.ops)
  }

  /// The kernel of a normalization makes no statistics: where the model hands them out, the operator itself runs.
  @Test func statisticsThatAreOutputsAreComputed() throws {
    var b = Builder([FusionTests.input([7, 12])])
    let scale = try b.weights("scale", [12], scale: 1), shift = try b.weights("shift", [12])
    b.model.opset = 17
    b.model.nodes.append(Node(name: "n", op: "LayerNormalization", inputs: ["x", scale, shift], outputs: ["y", "mean"]))
    var model = b.finished("y")
    model.outputs.append(Port("mean", ValueType(.f32, nil)))
    try check(model)
  }

  @Test func layerNormalizationWrittenOutIsOneOperator() throws {
    var b = Builder([FusionTests.input([7, 33])])
    let axes: [String: Attribute] = ["axes": .ints([-1])]
    let two = try b.number("two", 2), epsilon = try b.number("epsilon", 1e-5)
    let scale = try b.weights("scale", [33], scale: 1), shift = try b.weights("shift", [33])
    b.model.opset = 17
    b.add("ReduceMean", ["x"], "mean", axes)
    b.add("Sub", ["x", "mean"], "c")
    b.add("Pow", ["c", two], "sq")
    b.add("ReduceMean", ["sq"], "v", axes)
    b.add("Add", ["v", epsilon], "ve")
    b.add("Sqrt", ["ve"], "sd")
    b.add("Div", ["c", "sd"], "n")
    b.add("Mul", ["n", scale], "ns")
    b.add("Add", ["ns", shift], "y")
    try check(b.finished("y"), ops: ["LayerNormalization"])
  }

  struct Heads: Sendable, CustomTestStringConvertible {
    var positions = 9, heads = 3, size = 8
    var mask: [Int]?
    var turnedOnce = true
    /// Whether the last shape is worked out from the value that is reshaped, as exporters write it.
    var asksForShape = false
    var testDescription: String { "\(positions) positions, \(heads) x \(size), mask \(mask ?? []), once \(turnedOnce)" }
  }

  @Test(arguments: [
    Heads(), Heads(mask: [9, 9]), Heads(mask: [2, 1, 1, 9], turnedOnce: false), Heads(positions: 70, heads: 2, size: 33, mask: [1, 2, 70, 70]),
    Heads(positions: 1, heads: 1, size: 4), Heads(asksForShape: true),
  ])
  func attentionIsOneKernel(_ c: Heads) throws {
    let width = c.heads * c.size
    var b = Builder([FusionTests.input([c.positions, width])])
    b.model.opset = 17
    let shape = b.parameter("shape", try Tensor([0, 0, Int64(c.heads), Int64(c.size)], shape: [4]))
    let joined = b.parameter("joined", try Tensor([0, 0, Int64(width)], shape: [3]))
    let scale = try b.number("scale", Double(c.size).squareRoot())
    func perm(_ order: [Int]) -> [String: Attribute] { ["perm": .ints(order)] }
    for name in ["q", "k", "v"] {
      b.add("MatMul", ["x", try b.weights("w\(name)", [width, width])], "\(name)0")
      b.add("Reshape", ["\(name)0", shape], "\(name)1")
    }
    b.add("Transpose", ["q1"], "q2", perm([0, 2, 1, 3]))
    b.add("Transpose", ["v1"], "v2", perm([0, 2, 1, 3]))
    if c.turnedOnce { b.add("Transpose", ["k1"], "k2", perm([0, 2, 3, 1])) } else {
      b.add("Transpose", ["k1"], "kh", perm([0, 2, 1, 3]))
      b.add("Transpose", ["kh"], "k2", perm([0, 1, 3, 2]))
    }
    b.add("MatMul", ["q2", "k2"], "s0")
    b.add("Div", ["s0", scale], "s1")
    var last = "s1"
    if let sizes = c.mask {
      var values = try Tensor.randn(Shape(sizes), seed: 3)
      if sizes.count == 2 { values = try values.masked(above: -Float.infinity) }
      last = b.add("Add", ["s1", b.parameter("mask", values)], "s2")
    }
    b.add("Softmax", [last], "p", ["axis": .int(-1)])
    b.add("MatMul", ["p", "v2"], "y0")
    b.add("Transpose", ["y0"], "y1", perm([0, 2, 1, 3]))
    if c.asksForShape {
      let bounds = [b.parameter("from", try Tensor([Int64(0)], shape: [1])), b.parameter("to", try Tensor([Int64(2)], shape: [1]))]
      b.add("Shape", ["y1"], "sizes")
      b.add("Slice", ["sizes"] + bounds, "leading")
      b.add("Concat", ["leading", b.parameter("width", try Tensor([Int64(width)], shape: [1]))], "worked", ["axis": .int(0)])
    }
    b.add("Reshape", ["y1", c.asksForShape ? "worked" : joined], "y")
    try check(b.finished("y"), ops: ["MatMul", "MatMul", "MatMul", "Attention"])
  }

  @Test(arguments: [(64, 64, 15), (64, 96, 14), (32, 48, 40)])
  func winogradsFormKeepsItsPrecision(_ inputs: Int, _ outputs: Int, _ size: Int) throws {
    var b = Builder([FusionTests.input([inputs, size, size])])
    let pads: [String: Attribute] = ["pads": .ints([1, 1, 1, 1])]
    b.add("Conv", ["x", try b.weights("w1", [outputs, inputs, 3, 3]), try b.weights("b1", [outputs])], "c", pads)
    b.add("Relu", ["c"], "r")
    b.add("Conv", ["r", try b.weights("w2", [outputs, outputs, 3, 3])], "d", pads)
    b.add("Add", ["d", "r"], "s")
    b.add("Relu", ["s"], "y")
    let model = b.finished("y")
    try check(model, relative: 1e-4)
    let profile = try Session(model, threads: 2, batch: 2).profile(runs: 1)
    #expect(profile.filter { $0.implementation.contains("wino") }.count == 2, "\(profile.map(\.implementation))")
  }

  /// Large batches run some images at a time; each image comes out as it does alone.
  @Test func winogradsFormTakesSomeImagesAtATime() throws {
    var b = Builder([FusionTests.input([64, 40, 40])])
    let pads: [String: Attribute] = ["pads": .ints([1, 1, 1, 1])]
    b.add("Conv", ["x", try b.weights("w1", [64, 64, 3, 3]), try b.weights("b1", [64])], "c", pads)
    b.add("Relu", ["c"], "r")
    b.add("Conv", ["r", try b.weights("w2", [64, 64, 3, 3])], "d", pads)
    b.add("Add", ["d", "r"], "y")
    let model = b.finished("y")
    let whole = try Session(model, threads: 2, batch: 12), single = try Session(model, threads: 2)
    let x = try Tensor.randn([12, 64, 40, 40], seed: 7)
    let y = try whole(x)
    #expect(try difference(y, model(x), relative: 1e-4) == nil)
    for image in [0, 5, 11] {
      let alone = try single(x.narrowed(axis: 0, start: image, length: 1))
      #expect(try difference(y.narrowed(axis: 0, start: image, length: 1), alone, relative: 1e-5) == nil)
    }
    // 64 channels to 64 of 12 images of 100 tiles take 22 MB of scratch memory at once.
    #expect(whole.arenaBytes < 12 * 64 * 40 * 40 * 4 * 3 + (5 << 20))
  }

  /// Few weights and large images: groups of the batch are run one after another, where no image depends on another.
  @Test(arguments: ["apart", "transposed", "merged"])
  func largeBatchesAreRunInGroups(_ kind: String) throws {
    var b = Builder([FusionTests.input([3, 96, 96])])
    b.add("Conv", ["x", try b.weights("w1", [32, 3, 1, 1]), try b.weights("b1", [32])], "c")
    b.add("Clip", ["c", try b.number("lower", 0), try b.number("upper", 6)], "r")
    b.add("Conv", ["r", try b.weights("w2", [32, 1, 3, 3])], "d", ["group": .int(32), "pads": .ints([1, 1, 1, 1])])
    b.add("Add", ["d", "r"], "s")
    b.add("GlobalAveragePool", ["s"], "g")
    b.add("Flatten", ["g"], "f")
    switch kind {
    case "apart": b.add("Gemm", ["f", try b.weights("w3", [5, 32])], "y", ["transB": .int(1)])
    // What follows mixes the images.
    case "transposed": b.add("Softmax", ["f"], "y", ["axis": .int(0)])
    default: b.add("Sub", ["f", try b.weights("mean", [24, 32])], "y")
    }
    let model = b.finished("y"), x = try Tensor.randn([24, 3, 96, 96], seed: 3)
    let session = try Session(model, threads: 2, batch: 24)
    #expect(try difference(session(x), model(x), relative: 1e-5) == nil)
    let image = 32 * 96 * 96 * 4
    #expect((session.arenaBytes < 24 * image) == (kind == "apart"), "\(session.arenaBytes)")
    #expect(try session.profile(["x": x], runs: 1).count >= 4)
  }

  @Test(arguments: [false, true])
  func sumsOfIntegersStayIntegers(_ relu: Bool) throws {
    var b = Builder([FusionTests.input([6, 5, 7])])
    for (name, scale, zero) in [("a", 0.031, 121), ("b", 0.043, 3), ("y", 0.05, relu ? 0 : 100)] {
      _ = try b.number("\(name).scale", scale)
      b.model.parameters["\(name).zero"] = Parameter("\(name).zero", try Tensor([UInt8(zero)], shape: []), isTrainable: false)
    }
    func grid(_ name: String) -> [String] { ["\(name).scale", "\(name).zero"] }
    let w = try b.weights("w", [6, 6, 1, 1])
    b.add("Conv", ["x", w], "c")
    b.add("QuantizeLinear", ["x"] + grid("a"), "aq")
    b.add("DequantizeLinear", ["aq"] + grid("a"), "ad")
    b.add("QuantizeLinear", ["c"] + grid("b"), "bq")
    b.add("DequantizeLinear", ["bq"] + grid("b"), "bd")
    b.add("Add", ["ad", "bd"], "s")
    if relu { b.add("Relu", ["s"], "r") }
    b.add("QuantizeLinear", [relu ? "r" : "s"] + grid("y"), "yq")
    b.add("DequantizeLinear", ["yq"] + grid("y"), "y")
    let model = b.finished("y")
    try check(model, relative: 0.051)
    let ops = try Session(model, threads: 1).profile(runs: 1).map(\.op)
    #expect(ops.contains(relu ? "Add+Relu+QuantizeLinear" : "Add+QuantizeLinear"), "\(ops)")
  }

  @Test func integerSumsEqualTheirDefinition() throws {
    var b = Builder([])
    b.model.inputs = [Port("p", ValueType(.u8, [.fixed(1000)])), Port("q", ValueType(.i8, [.fixed(1000)]))]
    for (name, scale, zero) in [("p", 0.03125, 12.0), ("q", 0.0625, -3.0), ("y", 0.046875, 7.0)] {
      _ = try b.number("\(name).scale", scale)
      let point = name == "q" ? try Tensor([Int8(zero)], shape: []) : try Tensor([UInt8(zero)], shape: [])
      b.model.parameters["\(name).zero"] = Parameter("\(name).zero", point, isTrainable: false)
    }
    b.add("DequantizeLinear", ["p", "p.scale", "p.zero"], "pd")
    b.add("DequantizeLinear", ["q", "q.scale", "q.zero"], "qd")
    b.add("Add", ["pd", "qd"], "s")
    b.add("QuantizeLinear", ["s", "y.scale", "y.zero"], "y")
    var model = b.model
    model.outputs = [Port("y", ValueType(.u8, nil))]
    var random = RandomSource(seed: 8)
    let p = (0..<1000).map { _ in UInt8(random.integer(below: 256)) }, q = (0..<1000).map { _ in Int8(random.integer(below: 256) - 128) }
    let inputs = ["p": try Tensor(p, shape: [1000]), "q": try Tensor(q, shape: [1000])]
    let session = try Session(model, threads: 2)
    let got = try #require(session.run(inputs)["y"]).values(as: UInt8.self)
    let expected = zip(p, q).map { a, b -> UInt8 in
      let sum = (Float(a) - 12) * 0.03125 + (Float(b) + 3) * 0.0625
      return UInt8(min(255, max(0, (sum / 0.046875).rounded(.toNearestOrEven) + 7)))
    }
    #expect(got == expected)
  }

  @Test func brainFloatsAreCloseAndNarrow() throws {
    let model = try SessionTests.randomized(NN.resnet(depth: 20, seed: 3))
    guard let narrow = try? Session(model, threads: 2, batch: 3, precision: .bf16) else { return }
    let wide = try Session(model, threads: 2, batch: 3)
    let inputs = try wide.syntheticInputs()
    let a = try #require(wide.run(inputs).values.first), b = try #require(narrow.run(inputs).values.first)
    #expect(try difference(b, a, relative: 0.05) == nil)
    #expect(try a.values(as: Float.self) != b.values(as: Float.self))
    #expect(try narrow.profile(inputs, runs: 1).filter { $0.op.hasPrefix("Conv") }.allSatisfy { $0.implementation.contains("bf16") })
    #expect(try narrow.run(inputs).values.first?.values(as: Float.self) == b.values(as: Float.self))
  }

  @Test func embeddingRowsAreChecked() throws {
    var b = Builder([Port("i", ValueType(.i64, [.symbol("N"), 3]))])
    b.add("Gather", [try b.weights("table", [5, 7]), "i"], "y")
    let model = b.finished("y")
    let session = try Session(model, threads: 1)
    let good = try Tensor([Int64(0), -1, 4], shape: [1, 3])
    let expected = try #require(Interpreter(model).run(["i": good]).outputs["y"])
    #expect(try session(good).values(as: Float.self) == expected.values(as: Float.self))
    #expect(throws: PareError.self) { try session(Tensor([Int64(0), 5, 1], shape: [1, 3])) }
  }

  /// Shapes that the graph computes from its input's are worked out once the input's are fixed.
  @Test func computedShapesAreWorkedOut() throws {
    var b = Builder([FusionTests.input([4])])
    let token = try b.weights("token", [1, 4]), minus = b.parameter("minus", try Tensor([Int64(-1)], shape: [1]))
    let zero = b.parameter("zero", try Tensor([Int64(0)], shape: [1]))
    b.model.opset = 17
    b.add("Shape", ["x"], "shape")
    b.add("Gather", ["shape", zero], "n")
    b.add("Concat", ["n", minus], "wanted", ["axis": .int(0)])
    b.add("ConstantOfShape", [b.parameter("two", try Tensor([Int64(2)], shape: [1]))], "ones", ["value": .tensor(try Tensor([Int64(1)], shape: [1]))])
    b.add("Mul", ["ones", minus], "negative")
    b.add("Equal", ["wanted", "negative"], "same")
    b.add("Where", ["same", "ones", "wanted"], "target")
    b.add("Expand", [token, "target"], "tokens")
    b.add("Concat", ["tokens", "x"], "y", ["axis": .int(1)])
    try check(b.finished("y"), batch: 3)
  }

  @Test func profilesSayWhatTheMachineCanDo() throws {
    let session = try Session(NN.resnet(depth: 20, seed: 3), threads: 1)
    let steps = try session.profile(runs: 2)
    #expect(steps.allSatisfy { $0.share > 0 && $0.share.isFinite && $0.gigabytes > 0 })
    let svg = Roofline.svg(steps, Machine.measured(threads: 1))
    #expect(svg.hasPrefix("<svg") && svg.hasSuffix("</svg>\n"))
    #expect(svg.components(of: "<circle") == steps.filter { $0.gflops > 0 }.count)
  }
}

extension String {
  fileprivate func components(of part: String) -> Int {
    var count = 0
    var rest = self[...]
    while let range = rest.firstRange(of: part) {
      count += 1
      rest = rest[range.upperBound...]
    }
    return count
  }
}

extension Tensor {
  /// The upper triangle, the diagonal kept, replaced.
  fileprivate func masked(above value: Float) throws -> Tensor {
    let n = shape[0]
    var values = try values(as: Float.self)
    for i in 0..<n { for j in 0..<n where j > i { values[i * n + j] = value } }
    return try Tensor(values, shape: shape)
  }
}
