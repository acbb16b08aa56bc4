import Graph
import Support
import Tensor
import TestSupport
import Testing

/// Networks whose channels travel in every way that a cut must follow.
enum Wiring: String, CaseIterable, Sendable {
  case plain, flattened, residual, projected, concatenated, depthwise, grouped, divided, attention, reshaped, silent, embedded

  func model(seed: UInt64) throws -> Model {
    func conv(_ a: Int, _ b: Int, _ kernel: Int = 3, groups: Int = 1) throws -> Module {
      try NN.conv2d(inChannels: a, outChannels: b, kernel: kernel, padding: kernel / 2, groups: groups)
    }
    let model = try NN.graph(input: [3, 6, 6], seed: seed) { x in
      var y = try NN.relu()(NN.batchnorm2d(channels: 8)(conv(3, 8)(x)))
      var features = 8
      switch self {
      case .plain: y = try conv(8, 8)(y).relu()
      case .flattened:
        y = try NN.flatten()(NN.maxpool2d(kernel: [2, 2])(y))
        return try NN.linear(inFeatures: 9, outFeatures: 4)(NN.linear(inFeatures: 72, outFeatures: 9)(y).relu())
      case .residual: y = try conv(6, 8)(conv(8, 6)(y).relu()) + y
      case .projected:
        y = try NN.batchnorm2d(channels: 10)(conv(8, 10)(y)) + conv(8, 10, 1)(y)
        features = 10
      case .concatenated:
        y = try NN.concat()([conv(8, 5)(y).relu(), y, conv(8, 3, 1)(y)])
        features = 16
      case .depthwise:
        y = try NN.relu()(NN.batchnorm2d(channels: 16)(conv(8, 16, groups: 8)(y)))
        features = 16
      case .grouped: y = try conv(8, 8, groups: 2)(conv(8, 8, groups: 4)(y).relu()).relu()
      case .divided, .attention, .reshaped, .embedded: break
      case .silent: y = try NN.sigmoid()(conv(8, 8)(y))
      }
      y = try NN.flatten()(NN.globalAvgpool()(conv(features, 7)(y).relu()))
      return try NN.linear(inFeatures: 7, outFeatures: 4, name: "head")(y)
    }
    switch self {
    case .divided: return try Wiring.withSplit(seed)
    case .attention: return try Wiring.withAttention(seed)
    case .reshaped: return try Wiring.withReshape(seed)
    case .embedded: return try Wiring.withEmbedding(seed)
    default: return model
    }
  }

  private static func weight(_ name: String, _ shape: Shape, _ seed: UInt64) throws -> Parameter {
    Parameter(name, try Tensor.randn(shape, seed: seed, stream: Philox.stream(named: name)))
  }

  private static func constant(_ name: String, _ values: [Int64]) throws -> Parameter {
    Parameter(name, try Tensor(values, shape: Shape([values.count])), isTrainable: false)
  }

  private static func model(_ input: [Dimension], _ nodes: [Node], _ parameters: [Parameter], dtype: DType = .f32) -> Model {
    Model(
      inputs: [Port("x", ValueType(dtype, input))], outputs: [Port("y", ValueType(.f32, nil))], nodes: nodes,
      parameters: OrderedDictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0) }))
  }

  /// A convolution whose channels part into 3 and 5, of which one part is gated.
  private static func withSplit(_ seed: UInt64) throws -> Model {
    model(
      [.symbol("N"), 3, 6, 6],
      [
        Node(name: "a", op: "Conv", inputs: ["x", "a.w", "a.b"], outputs: ["a"]),
        Node(name: "s", op: "Split", inputs: ["a", "sizes"], outputs: ["p", "q"], attributes: ["axis": .int(1)]),
        Node(name: "r", op: "Relu", inputs: ["p"], outputs: ["r"]),
        Node(name: "b", op: "Conv", inputs: ["r", "b.w"], outputs: ["b"]),
        Node(name: "c", op: "Conv", inputs: ["q", "c.w"], outputs: ["c"]),
        Node(name: "m", op: "Mul", inputs: ["b", "c"], outputs: ["m"]),
        Node(name: "g", op: "ReduceMean", inputs: ["m"], outputs: ["g"], attributes: ["axes": .ints([2, 3]), "keepdims": .int(0)]),
        Node(name: "f", op: "Gemm", inputs: ["g", "f.w"], outputs: ["y"], attributes: ["transB": .int(1)]),
      ],
      [
        try weight("a.w", [8, 3, 3, 3], seed), try weight("a.b", [8], seed), try constant("sizes", [3, 5]),
        try weight("b.w", [6, 3, 1, 1], seed), try weight("c.w", [6, 5, 1, 1], seed), try weight("f.w", [2, 6], seed),
      ])
  }

  /// Self-attention of four heads of three over a sequence of five.
  private static func withAttention(_ seed: UInt64) throws -> Model {
    var nodes: [Node] = [], parameters = [try constant("heads", [0, 0, 4, 3]), try constant("joined", [0, 0, 12])]
    for part in ["q", "k", "v"] {
      parameters.append(try weight("\(part).w", [6, 12], seed))
      parameters.append(try weight("\(part).b", [12], seed))
      nodes += [
        Node(name: part, op: "MatMul", inputs: ["x", "\(part).w"], outputs: [part]),
        Node(name: "\(part).add", op: "Add", inputs: [part, "\(part).b"], outputs: ["\(part).1"]),
        Node(name: "\(part).heads", op: "Reshape", inputs: ["\(part).1", "heads"], outputs: ["\(part).2"]),
        Node(name: "\(part).turn", op: "Transpose", inputs: ["\(part).2"], outputs: ["\(part).3"],
             attributes: ["perm": .ints(part == "k" ? [0, 2, 3, 1] : [0, 2, 1, 3])]),
      ]
    }
    parameters.append(try weight("o.w", [12, 6], seed))
    nodes += [
      Node(name: "scores", op: "MatMul", inputs: ["q.3", "k.3"], outputs: ["scores"]),
      Node(name: "soft", op: "Softmax", inputs: ["scores"], outputs: ["soft"]),
      Node(name: "mix", op: "MatMul", inputs: ["soft", "v.3"], outputs: ["mix"]),
      Node(name: "back", op: "Transpose", inputs: ["mix"], outputs: ["back"], attributes: ["perm": .ints([0, 2, 1, 3])]),
      Node(name: "join", op: "Reshape", inputs: ["back", "joined"], outputs: ["join"]),
      Node(name: "o", op: "MatMul", inputs: ["join", "o.w"], outputs: ["y"]),
    ]
    return model([.symbol("N"), 5, 6], nodes, parameters)
  }

  /// PyTorch's `x.view(x.size(0), -1)` as it is exported.
  private static func withReshape(_ seed: UInt64) throws -> Model {
    model(
      [.symbol("N"), 3, 4, 4],
      [
        Node(name: "a", op: "Conv", inputs: ["x", "a.w"], outputs: ["a"]),
        Node(name: "size", op: "Shape", inputs: ["a"], outputs: ["size"]),
        Node(name: "first", op: "Gather", inputs: ["size", "zero"], outputs: ["first"]),
        Node(name: "target", op: "Concat", inputs: ["first", "rest"], outputs: ["target"], attributes: ["axis": .int(0)]),
        Node(name: "view", op: "Reshape", inputs: ["a", "target"], outputs: ["view"]),
        Node(name: "f", op: "Gemm", inputs: ["view", "f.w", "f.b"], outputs: ["y"], attributes: ["transB": .int(1)]),
      ],
      [
        try weight("a.w", [6, 3, 3, 3], seed), try constant("zero", [0]), try constant("rest", [-1]),
        try weight("f.w", [2, 24], seed), try weight("f.b", [2], seed),
      ])
  }

  private static func withEmbedding(_ seed: UInt64) throws -> Model {
    model(
      [.symbol("N"), 5],
      [
        Node(name: "e", op: "Gather", inputs: ["e.w", "x"], outputs: ["e"]),
        Node(name: "t", op: "Tanh", inputs: ["e"], outputs: ["t"]),
        Node(name: "o", op: "MatMul", inputs: ["t", "o.w"], outputs: ["y"]),
      ], [try weight("e.w", [7, 6], seed), try weight("o.w", [6, 2], seed)], dtype: .i64)
  }

  func input(_ model: Model) throws -> Tensor {
    let sizes = try #require(model.inputs[0].type.shape).dropFirst().compactMap(\.value)
    if self == .embedded { return try Tensor((0..<10).map { Int64($0 * 3 % 7) }, shape: [2, 5]) }
    return try Tensor.randn(Shape([2] + sizes), seed: 3)
  }
}

@Suite struct ChannelTests {
  /// The heart of structured pruning: what is cut computes what is masked, on every wiring, for any choice.
  @Test(arguments: Wiring.allCases, [UInt64(1), 2, 3])
  func cutEqualsMasked(_ wiring: Wiring, _ seed: UInt64) throws {
    let model = try wiring.model(seed: seed)
    try model.verified()
    let groups = try model.groups()
    var random = RandomSource(seed: seed)
    var selection: [UnitSelection] = []
    for group in groups where group.blocked == nil && group.units.count > 1 {
      let count = random.integer(below: group.units.count - 1) + 1
      selection.append(UnitSelection(group: group.index, units: Array((0..<group.units.count).shuffled(using: &random).prefix(count))))
    }
    #expect(!selection.isEmpty, "\(groups)")
    let x = try wiring.input(model)
    let cut = try model.pruned(selection), masked = try model.masked(selection)
    #expect(try cut.cost().parameters < model.cost().parameters)
    #expect(try masked.cost().parameters == model.cost().parameters)
    #expect(try difference(cut(x), masked(x), relative: 1e-5) == nil)
    #expect(try difference(cut(x), model(x), relative: 1e-5) != nil, "the cut changed nothing")
  }

  @Test(arguments: [20, 32]) func residualNetworks(_ depth: Int) throws {
    let model = try NN.resnet(depth: depth)
    let groups = try model.groups(), open = groups.filter { $0.blocked == nil }
    // One group along the residual stream of each stage and one inside each block.
    #expect(open.count == 3 + (depth - 2) / 2)
    #expect(groups.filter { $0.blocked != nil }.map(\.name) == ["fc"])
    let stream = try #require(open.first { $0.name == "conv1" })
    #expect(stream.units.count == 16 && stream.layers.contains("layers.0.conv2"))
    #expect(stream.units[3].slice(of: "layers.0.conv1.weight", axis: 1)?.indices == [3])
    let selection = open.map { UnitSelection(group: $0.index, units: Array(0..<($0.units.count / 2))) }
    let cut = try model.pruned(selection), x = try Tensor.randn([2, 3, 32, 32], seed: 4)
    #expect(try difference(cut(x), model.masked(selection)(x), relative: 1e-4) == nil)
    #expect(try cut.layer(named: "layers.\((depth - 2) / 6).conv1").shape == [.symbol("N"), 16, 16, 16])
  }

  @Test func attentionCutsWholeHeads() throws {
    let groups = try Wiring.attention.model(seed: 1).groups()
    let heads = try #require(groups.first { $0.blocked == nil })
    #expect(heads.units.count == 4)
    #expect(heads.units[1].slice(of: "q.w", axis: 1)?.indices == [3, 4, 5])
    #expect(heads.units[1].slice(of: "o.w", axis: 0)?.indices == [3, 4, 5])
  }

  @Test func refusalsSayWhy() throws {
    let model = try Wiring.plain.model(seed: 1)
    let groups = try model.groups(), head = try #require(groups.last)
    #expect(head.blocked?.contains("output") == true)
    #expect(throws: PareError.self) { try model.pruned([UnitSelection(group: head.index, units: [0])]) }
    #expect(throws: PareError.self) { try model.pruned([UnitSelection(group: 99, units: [0])]) }
    #expect(throws: PareError.self) { try model.pruned([UnitSelection(group: 0, units: [-1])]) }
    let all = #expect(throws: PareError.self) { try model.pruned([UnitSelection(group: 0, units: Array(0..<8))]) }
    #expect(all?.description.contains("leave nothing") == true)
    #expect(try model.why("conv1").contains("read by conv2"))
    #expect(try model.pruned([]).hash() == model.hash())
  }

  /// An operator that nobody knows is never taken for element-wise.
  @Test func unknownFlowBlocks() throws {
    struct Strange: Operator {
      static let name = "Strange"
      static let domain = "test"
      func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] { inputs.compactMap { $0 } }
      func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] { inputs.compactMap { $0 } }
    }
    try OperatorRegistry.register(Strange.self)
    var model = try Wiring.plain.model(seed: 1)
    let position = try model.position(of: "relu1")
    model.nodes[position].op = "Strange"
    model.nodes[position].domain = "test"
    let group = try #require(model.groups().first { $0.name == "conv1" })
    #expect(group.blocked?.contains("Strange 'relu1'") == true)
  }
}
