import Graph
import OrderedCollections
import Runtime
import Support
import Tensor
import TestSupport
import Testing

/// A session and the interpreter compute the same, on networks and operator by operator.
@Suite struct SessionTests {
  struct Network: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var make: @Sendable () throws -> Model
  }

  static let networks = [
    Network(testDescription: "lenet5") { try NN.lenet5(seed: 1) },
    Network(testDescription: "lenet300") { try NN.lenet300(seed: 2) },
    Network(testDescription: "resnet20") { try randomized(NN.resnet(depth: 20, seed: 3)) },
    Network(testDescription: "branches") {
      try NN.graph(input: [3, 12, 12], seed: 4) { x in
        let a = try NN.relu()(NN.conv2d(inChannels: 3, outChannels: 8, kernel: 3, padding: 1)(x))
        let b = try NN.conv2d(inChannels: 3, outChannels: 8, kernel: 1)(x)
        let c = try NN.conv2d(inChannels: 8, outChannels: 8, kernel: 3, padding: 1)(a + b)
        return try NN.linear(inFeatures: 8 * 36, outFeatures: 5)(
          NN.flatten()(NN.maxpool2d(kernel: [2, 2])(NN.relu()(c + a))))
      }
    },
  ]

  /// Gives running statistics and scales other values than the neutral ones they start with.
  static func randomized(_ model: Model) throws -> Model {
    var values: [String: Tensor] = [:]
    for (name, parameter) in model.parameters where parameter.shape.rank == 1 {
      let noise = try Tensor.rand(parameter.shape, seed: 5, stream: Philox.stream(named: name))
      values[name] = try noise + 0.5
    }
    return try model.with(values)
  }

  @Test(arguments: networks, [1, 2, 5])
  func equalsInterpreter(_ network: Network, batch: Int) throws {
    let model = try network.make()
    for threads in [1, 2] {
      let session = try Session(model, threads: threads, batch: batch)
      let inputs = try session.syntheticInputs(seed: UInt64(batch))
      try expectSame(session, model, inputs)
      checkPlacements(session)
    }
  }

  /// A stopped run and a stopped compilation leave nothing behind: the next ones give what they always gave.
  @Test(arguments: networks)
  func aStopLeavesNoTrace(_ network: Network) throws {
    let model = try network.make(), session = try Session(model, batch: 2)
    let inputs = try session.syntheticInputs(), before = try session.run(inputs)
    Interrupt.request()
    defer { Interrupt.clear() }
    let bodies: [() throws -> Void] = [
      { _ = try session.run(inputs) }, { _ = try Session(model, batch: 3) }, { _ = try model.groups() }, { _ = try model.hash() },
    ]
    for body in bodies {
      let error = #expect(throws: PareError.self) { try body() }
      #expect(error?.code == .interrupted)
    }
    Interrupt.clear()
    let after = try session.run(inputs)
    for (name, value) in before { #expect(try value.isEqual(to: #require(after[name]))) }
  }

  @Test(arguments: networks)
  func sameBitsTwice(_ network: Network) throws {
    let session = try Session(try network.make(), threads: 2, batch: 3)
    let inputs = try session.syntheticInputs()
    let first = try session.run(inputs), second = try session.run(inputs)
    for (name, value) in first {
      #expect(try value.values(as: Float.self) == #require(second[name]).values(as: Float.self))
    }
  }

  @Test func anotherBatchIsCompiledWhenMet() throws {
    let model = try NN.lenet5(seed: 1)
    let session = try Session(model, threads: 1)
    for batch in [1, 4, 2, 4, 1] {
      let x = try Tensor.randn([batch, 1, 28, 28], seed: UInt64(batch))
      try expectSame(session, model, [model.inputs[0].name: x])
    }
  }

  @Test func layersAreFused() throws {
    let model = try SessionTests.randomized(NN.resnet(depth: 20, seed: 3))
    let profile = try Session(model, threads: 1).profile(runs: 1)
    let ops = profile.map(\.op)
    #expect(!ops.contains("BatchNormalization"))
    #expect(!ops.contains("Relu"))
    #expect(!ops.contains("Add"))
    #expect(ops.filter { $0 == "Conv+BatchNormalization+Add+Relu" }.count == 9)
    #expect(profile.allSatisfy { $0.implementation != "interpreter" && !$0.implementation.hasPrefix("ref") })
    #expect(profile.filter { $0.op.hasPrefix("Conv") }.allSatisfy { $0.ms > 0 && $0.gflops > 0 })
  }

  @Test func arenaIsSmallerThanAllActivations() throws {
    let model = try NN.resnet(depth: 20, seed: 3)
    let session = try Session(model, threads: 1)
    // 19 convolutions' results would take more than 1 MB side by side; two or three live at a time.
    #expect(session.arenaBytes > 2 * 16 * 32 * 32 * 4)
    #expect(session.arenaBytes < 8 * 16 * 32 * 32 * 4)
  }

  // MARK: Operator by operator

  struct Case: CustomTestStringConvertible, Sendable {
    var op: String
    var shapes: [[Int]]
    /// Sizes of constant operands behind the computed ones.
    var constants: [[Int]] = []
    var attributes: [String: Attribute] = [:]
    /// Whether a kernel of the session computes it.
    var fast = true
    var testDescription: String { "\(op) \(shapes) \(constants) \(attributes.keys.sorted())" }
  }

  static let image = [2, 5, 8, 7]
  static let cases =
    ["Relu", "Sigmoid", "Tanh", "Abs", "Exp", "HardSwish", "Gelu"].map { Case(op: $0, shapes: [image]) }
    + ["HardSigmoid", "Erf", "Neg", "Floor"].filter { OperatorRegistry.names.contains($0) }
    .map { Case(op: $0, shapes: [image], fast: false) }
    + ["Add", "Sub", "Mul", "Div"].flatMap { op in
      [
        Case(op: op, shapes: [image, image]), Case(op: op, shapes: [image], constants: [[5, 1, 1]]),
        Case(op: op, shapes: [[3, 4]], constants: [[4]]),
      ]
    } + [
      Case(op: "LeakyRelu", shapes: [image], attributes: ["alpha": .float(0.2)]),
      Case(op: "Clip", shapes: [image], attributes: ["min": .float(-0.5), "max": .float(0.75)]),
      // The bounds cross: the upper one counts.
      Case(op: "Clip", shapes: [image], attributes: ["min": .float(0.5), "max": .float(-0.25)]),
      Case(op: "Softmax", shapes: [[3, 10]]), Case(op: "Softmax", shapes: [image], attributes: ["axis": .int(1)], fast: false),
      Case(op: "LogSoftmax", shapes: [[3, 10]]),
      Case(op: "MaxPool", shapes: [image], attributes: ["kernel_shape": .ints([3, 2]), "strides": .ints([2, 2]), "pads": .ints([1, 0, 0, 1])]),
      Case(op: "MaxPool", shapes: [image], attributes: ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2]), "ceil_mode": .int(1)]),
      Case(op: "AveragePool", shapes: [image], attributes: ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])]),
      Case(op: "AveragePool", shapes: [image], attributes: ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1]), "count_include_pad": .int(1)]),
      Case(op: "GlobalAveragePool", shapes: [image]),
      Case(op: "Flatten", shapes: [image]), Case(op: "Flatten", shapes: [image], attributes: ["axis": .int(2)]),
      Case(op: "Transpose", shapes: [image], attributes: ["perm": .ints([0, 2, 3, 1])]), Case(op: "Transpose", shapes: [[3, 4]]),
      Case(op: "Concat", shapes: [image, [2, 3, 8, 7]], attributes: ["axis": .int(1)]),
      Case(op: "Concat", shapes: [[2, 3], [2, 4]], attributes: ["axis": .int(-1)]),
      Case(op: "Identity", shapes: [image]),
      Case(op: "MatMul", shapes: [[2, 3, 4], [2, 4, 5]]), Case(op: "MatMul", shapes: [[2, 3, 4]], constants: [[4, 5]]),
      Case(op: "MatMul", shapes: [[3, 4]], constants: [[4, 5]]),
      Case(op: "MatMul", shapes: [[2, 3, 4], [4]], fast: false), Case(op: "MatMul", shapes: [[4], [2, 4, 5]], fast: false),
      Case(op: "MatMul", shapes: [[2, 3, 4]], constants: [[4]], fast: false),
      Case(op: "Gemm", shapes: [[3, 4]], constants: [[5, 4], [5]], attributes: ["transB": .int(1)]),
      Case(op: "Gemm", shapes: [[3, 4]], constants: [[4, 5], [1, 5]], attributes: ["alpha": .float(0.5), "beta": .float(2)]),
      Case(op: "Gemm", shapes: [[4, 3]], constants: [[4, 5], [3, 5]], attributes: ["transA": .int(1)], fast: false),
      Case(op: "Conv", shapes: [image], constants: [[6, 5, 3, 3], [6]], attributes: ["pads": .ints([1, 1, 1, 1])]),
      Case(op: "Conv", shapes: [image], constants: [[6, 5, 3, 2]], attributes: ["strides": .ints([2, 1]), "pads": .ints([0, 1, 2, 0])]),
      Case(op: "Conv", shapes: [image], constants: [[10, 1, 3, 3], [10]], attributes: ["group": .int(5), "dilations": .ints([2, 1])]),
      Case(op: "Conv", shapes: [image], constants: [[6, 5, 3, 3]], attributes: ["auto_pad": .string("SAME_UPPER"), "strides": .ints([2, 2])]),
      Case(op: "Conv", shapes: [[2, 3, 9]], constants: [[4, 3, 3]], fast: false),
      Case(op: "ReduceMean", shapes: [image], attributes: ["axes": .ints([2, 3])], fast: false),
    ]

  static func model(_ c: Case) throws -> Model {
    var parameters = OrderedDictionary<String, Parameter>()
    var names: [String] = []
    for index in c.shapes.indices { names.append("x\(index)") }
    for (index, sizes) in c.constants.enumerated() {
      let name = "c\(index)"
      parameters[name] = Parameter(name, try Tensor.rand(Shape(sizes), seed: 7, stream: UInt64(index)) + 0.5)
      names.append(name)
    }
    // A layer before and after, so that layouts other than row-major meet the operator.
    let node = Node(name: "node", op: c.op, inputs: names, outputs: ["y"], attributes: c.attributes)
    return Model(
      inputs: c.shapes.enumerated().map { Port("x\($0.offset)", ValueType(.f32, $0.element.map { .fixed($0) })) },
      outputs: [Port("y", ValueType(.f32, nil))], nodes: [node], parameters: parameters)
  }

  @Test(arguments: cases, [1, 2])
  func operatorEqualsInterpreter(_ c: Case, threads: Int) throws {
    let model = try SessionTests.model(c)
    let session = try Session(model, threads: threads)
    var inputs = try session.syntheticInputs(seed: 3)
    if c.op == "Div" { inputs = try inputs.mapValues { try $0.abs() + 0.5 } }
    try expectSame(session, model, inputs)
    let implementations = try session.profile(inputs, runs: 1).map(\.implementation)
    #expect(implementations.contains("interpreter") == !c.fast, "\(implementations)")
  }

  /// The operator between two convolutions: its operands come in the layouts that convolutions choose.
  @Test(arguments: cases.filter { $0.shapes == [image] && $0.op != "Conv" && $0.op != "Flatten" && $0.op != "Exp" })
  func operatorInsideANetwork(_ c: Case) throws {
    var model = try SessionTests.model(c)
    model.parameters["w"] = Parameter("w", try Tensor.randn([5, 3, 3, 3], seed: 8))
    model.inputs = [Port("x", ValueType(.f32, [.symbol("N"), 3, 8, 7]))]
    model.nodes.insert(
      Node(name: "conv", op: "Conv", inputs: ["x", "w"], outputs: ["x0"], attributes: ["pads": .ints([1, 1, 1, 1])]), at: 0)
    if c.op == "Div" {
      model.nodes[0].outputs = ["v"]
      model.nodes.insert(Node(name: "exp", op: "Exp", inputs: ["v"], outputs: ["x0"]), at: 1)
    }
    let session = try Session(model, threads: 2, batch: 2)
    try expectSame(session, model, session.syntheticInputs(seed: 9))
    checkPlacements(session)
  }

  // MARK: Bad input

  @Test func badInputIsNamed() throws {
    let model = try NN.lenet5(seed: 1)
    let session = try Session(model, threads: 1)
    func code(_ body: () throws -> Void) -> PareError.Code? {
      do { try body() } catch { return (error as? PareError)?.code }
      return nil
    }
    #expect(code { _ = try session.run([:]) } == .argument)
    #expect(code { _ = try session.run(["nope": .zeros([1, 1, 28, 28])]) } == .argument)
    #expect(code { _ = try session(Tensor.zeros([1, 1, 28, 27])) } == .shape)
    #expect(code { _ = try session(Tensor.zeros([1, 28, 28])) } == .shape)
    #expect(code { _ = try session(Tensor.zeros([1, 1, 28, 28], .i64)) } == .dtype)
    #expect(code { _ = try Session(model, threads: 0) } == .argument)
    #expect(code { _ = try Session(model, batch: 0) } == .argument)
    #expect(code { _ = try Session(model, shapes: ["nope": [1]]) } == .argument)
    #expect(code { _ = try Session(model, shapes: [model.inputs[0].name: [1, 1, 28]]) } == .shape)
    #expect(code { _ = try session.benchmark(runs: 0) } == .argument)
  }

  @Test func anotherFloatTypeIsConverted() throws {
    let model = try NN.lenet5(seed: 1)
    let session = try Session(model, threads: 1)
    let x = try Tensor.randn([1, 1, 28, 28], seed: 2)
    #expect(try session(x.converted(to: .f64)).values(as: Float.self) == session(x).values(as: Float.self))
  }

  // MARK: Helpers

  private func expectSame(_ session: Session, _ model: Model, _ inputs: [String: Tensor]) throws {
    let expected = try Interpreter(model).run(inputs).outputs
    let got = try session.run(inputs)
    for (name, value) in expected {
      let other = try #require(got[name])
      let problem = try difference(other, value, relative: 2e-5)
      #expect(problem == nil, "'\(name)': \(problem ?? "")")
    }
  }

  private func checkPlacements(_ session: Session) {
    let all = session.placements
    for (index, a) in all.enumerated() {
      #expect(a.bytes.upperBound <= session.arenaBytes)
      for b in all[(index + 1)...] where a.first <= b.last && b.first <= a.last {
        #expect(!a.bytes.overlaps(b.bytes), "\(a) and \(b)")
      }
    }
  }
}
