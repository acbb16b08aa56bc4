import Graph
import Support
import Tensor
import TestSupport
import Testing

/// How exporters write what channels travel through: shuffles, chunks by slices, packed attention, sizes that only the run knows.
@Suite struct ChannelIdiomTests {
  static func weight(_ name: String, _ shape: Shape) throws -> Parameter {
    Parameter(name, try Tensor.randn(shape, seed: 3, stream: Philox.stream(named: name)))
  }

  static func constant(_ name: String, _ values: [Int]) throws -> Parameter {
    Parameter(name, try Tensor(values.map(Int64.init), shape: Shape([values.count])), isTrainable: false)
  }

  static func model(_ input: [Dimension], _ nodes: [Node], _ parameters: [Parameter]) throws -> Model {
    let model = Model(
      inputs: [Port("x", ValueType(.f32, input))], outputs: [Port("y", ValueType(.f32, nil))], nodes: nodes,
      parameters: OrderedDictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0) }))
    try model.verified()
    return model
  }

  static func node(_ op: String, _ name: String, _ inputs: [String], _ attributes: [String: Attribute] = [:]) -> Node {
    Node(name: name, op: op, inputs: inputs, outputs: [name], attributes: attributes)
  }

  /// Cuts one unit of each free group that has several; masked and shrunk must agree.
  static func check(_ model: Model, _ inputs: [String: Tensor], frees layers: [String]) throws {
    let groups = try model.groups()
    let free = groups.filter { $0.blocked == nil && $0.units.count > 1 }
    for layer in layers { #expect(free.contains { $0.layers.contains(layer) }, "\(layer): \(groups)") }
    let cut = free.map { UnitSelection(group: $0.index, units: [$0.units.count / 2]) }
    let shrunk = try model.pruned(cut)
    let masked = try Interpreter(model.masked(cut)).run(inputs).outputs, small = try Interpreter(shrunk).run(inputs).outputs
    for port in model.outputs {
      #expect(try difference(#require(small[port.name]), #require(masked[port.name]), relative: 1e-5) == nil)
    }
    for layer in layers {
      let name = try #require(model.node(named: layer).inputs.first { model.parameters[$0]?.isTrainable == true })
      #expect(try shrunk.parameter(named: name).shape.count < model.parameter(named: name).shape.count, "\(layer)")
    }
  }

  @Test func channelShuffle() throws {
    let model = try Self.model([.symbol("N"), 3, 4, 4], [
      Self.node("Conv", "a", ["x", "a.weight"]),
      Self.node("Reshape", "apart", ["a", "five"]),
      Self.node("Transpose", "turned", ["apart"], ["perm": .ints([0, 2, 1, 3, 4])]),
      Self.node("Reshape", "together", ["turned", "four"]),
      Self.node("Conv", "b", ["together", "b.weight"]),
      Self.node("ReduceMean", "y", ["b"], ["axes": .ints([2, 3]), "keepdims": .int(0)]),
    ], [
      Self.weight("a.weight", [8, 3, 1, 1]), Self.weight("b.weight", [5, 8, 1, 1]), Self.constant("five", [-1, 2, 4, 4, 4]),
      Self.constant("four", [-1, 8, 4, 4]),
    ])
    try Self.check(model, ["x": Tensor.randn([2, 3, 4, 4], seed: 1)], frees: ["a"])
    // Each channel by itself, since a cut writes the shuffle as the order that it is.
    let group = try #require(try model.groups().first { $0.layers.contains("a") })
    #expect(group.units.count == 8)
    let cut = try model.pruned([UnitSelection(group: group.index, units: [0, 5, 6])])
    #expect(cut.nodes.map(\.op) == ["Conv", "Gather", "Conv", "ReduceMean"])
  }

  /// GroupNorm as the exporter writes it: whole groups go.
  @Test func groupNormalisationByReshape() throws {
    let model = try Self.model([.symbol("N"), 3, 5, 5], [
      Self.node("Conv", "a", ["x", "a.weight"]),
      Self.node("Reshape", "apart", ["a", "three"]), Self.node("InstanceNormalization", "normal", ["apart", "ones", "zeros"]),
      Self.node("Reshape", "together", ["normal", "four"]), Self.node("Mul", "scaled", ["together", "scale"]),
      Self.node("Conv", "b", ["scaled", "b.weight"]), Self.node("ReduceMean", "y", ["b"], ["axes": .ints([2, 3]), "keepdims": .int(0)]),
    ], [
      Self.weight("a.weight", [8, 3, 1, 1]), Self.weight("b.weight", [5, 8, 1, 1]), Self.constant("three", [0, 4, -1]), Self.constant("four", [-1, 8, 5, 5]),
      Parameter("ones", try Tensor.ones([4], .f32)), Parameter("zeros", try Tensor.zeros([4], .f32)), Self.weight("scale", [8, 1, 1]),
    ])
    try Self.check(model, ["x": Tensor.randn([2, 3, 5, 5], seed: 1)], frees: ["a"])
    #expect(try #require(model.groups().first { $0.layers.contains("a") }).units.count == 4)
  }

  /// Predictions of anchors, a row each: the convolution is tied to the output, and the reason says so.
  @Test func rowsOfPredictions() throws {
    let model = try Self.model([.symbol("N"), 3, .symbol("H"), .symbol("W")], [
      Self.node("Conv", "a", ["x", "a.weight"]), Self.node("Conv", "b", ["a", "b.weight"]),
      Self.node("Transpose", "turned", ["b"], ["perm": .ints([0, 2, 3, 1])]), Self.node("Reshape", "y", ["turned", "rows"]),
    ], [Self.weight("a.weight", [8, 3, 1, 1]), Self.weight("b.weight", [6, 8, 1, 1]), Self.constant("rows", [0, -1, 3])])
    try Self.check(model, ["x": Tensor.randn([2, 3, 5, 4], seed: 1)], frees: ["a"])
    #expect(try #require(model.groups().first { $0.layers.contains("b") }).blocked == "it is the model's output 'y'")
  }

  @Test func chunksBySlices() throws {
    let model = try Self.model([.symbol("N"), 3, 4, 4], [
      Self.node("Conv", "a", ["x", "a.weight"]),
      Self.node("Slice", "left", ["a", "zero", "four", "axis"]), Self.node("Slice", "right", ["a", "four", "end", "axis"]),
      Self.node("Sigmoid", "gate", ["right"]), Self.node("Mul", "gated", ["left", "gate"]),
      Self.node("Conv", "y", ["gated", "b.weight"]),
    ], [
      Self.weight("a.weight", [8, 3, 1, 1]), Self.weight("b.weight", [5, 4, 1, 1]), Self.constant("zero", [0]),
      Self.constant("four", [4]), Self.constant("end", [Int(Int32.max)]), Self.constant("axis", [1]),
    ])
    try Self.check(model, ["x": Tensor.randn([2, 3, 4, 4], seed: 1)], frees: ["a"])
  }

  @Test func packedAttention() throws {
    let heads = 4, depth = 3, width = heads * depth
    func part(_ index: Int) -> [Node] {
      [Self.node("Gather", "part\(index)", ["turned", "index\(index)"], ["axis": .int(0)])]
    }
    let model = try Self.model([.symbol("N"), 5, 12], [
      Self.node("MatMul", "qkv", ["x", "qkv.weight"]),
      Self.node("Reshape", "split", ["qkv", "five"]),
      Self.node("Transpose", "turned", ["split"], ["perm": .ints([2, 0, 3, 1, 4])]),
    ] + part(0) + part(1) + part(2) + [
      Self.node("Transpose", "keys", ["part1"], ["perm": .ints([0, 1, 3, 2])]),
      Self.node("MatMul", "scores", ["part0", "keys"]), Self.node("Softmax", "shares", ["scores"], ["axis": .int(-1)]),
      Self.node("MatMul", "context", ["shares", "part2"]),
      Self.node("Transpose", "rows", ["context"], ["perm": .ints([0, 2, 1, 3])]),
      Self.node("Reshape", "joined", ["rows", "three"]), Self.node("MatMul", "y", ["joined", "out.weight"]),
    ], [
      Self.weight("qkv.weight", [12, 3 * width]), Self.weight("out.weight", [width, 6]),
      Self.constant("five", [0, 0, 3, heads, depth]), Self.constant("three", [0, 0, width]),
      Parameter("index0", Tensor([Int64(0)], shape: []), isTrainable: false),
      Parameter("index1", Tensor([Int64(1)], shape: []), isTrainable: false),
      Parameter("index2", Tensor([Int64(2)], shape: []), isTrainable: false),
    ])
    try Self.check(model, ["x": Tensor.randn([2, 5, 12], seed: 1)], frees: ["qkv"])
    #expect(try model.groups().first { $0.layers.contains("qkv") }?.units.count == heads)
  }

  @Test func headsJoinedWithTheBatch() throws {
    let heads = 4, depth = 3, width = heads * depth
    func rows(_ name: String) -> [Node] {
      [
        Self.node("MatMul", name, ["x", "\(name).weight"]), Self.node("Reshape", "\(name).split", [name, "four"]),
        Self.node("Transpose", "\(name).heads", ["\(name).split"], ["perm": .ints([0, 2, 1, 3])]),
        Self.node("Reshape", "\(name).rows", ["\(name).heads", "three"]),
      ]
    }
    let model = try Self.model([.symbol("N"), 5, 12], rows("q") + rows("k") + rows("v") + [
      Self.node("Transpose", "keys", ["k.rows"], ["perm": .ints([0, 2, 1])]),
      Self.node("MatMul", "scores", ["q.rows", "keys"]), Self.node("Softmax", "shares", ["scores"], ["axis": .int(-1)]),
      Self.node("MatMul", "context", ["shares", "v.rows"]), Self.node("Reshape", "apart", ["context", "back"]),
      Self.node("Transpose", "turned", ["apart"], ["perm": .ints([0, 2, 1, 3])]),
      Self.node("Reshape", "joined", ["turned", "flat"]), Self.node("MatMul", "y", ["joined", "out.weight"]),
    ], [
      Self.weight("q.weight", [12, width]), Self.weight("k.weight", [12, width]), Self.weight("v.weight", [12, width]),
      Self.weight("out.weight", [width, 6]), Self.constant("four", [0, 0, heads, depth]), Self.constant("three", [-1, 5, depth]),
      Self.constant("back", [-1, heads, 5, depth]), Self.constant("flat", [0, 0, width]),
    ])
    #expect(try model.shapes()["q.rows"]?.shape == [.symbol("4*N"), 5, 3])
    #expect(try model.shapes()["apart"]?.shape == [.symbol("N"), 4, 5, 3])
    try Self.check(model, ["x": Tensor.randn([2, 5, 12], seed: 1)], frees: ["q", "k", "v"])
  }

  @Test func headsBesideSizesThatOnlyTheRunKnows() throws {
    var sizes = NN.BertSizes()
    (sizes.words, sizes.width, sizes.layers, sizes.heads, sizes.inner, sizes.positions) = (20, 12, 2, 3, 16, 8)
    let model = try NN.bert(sizes, seed: 1)
    let ids = try Tensor([Int64(3), 7, 1, 0, 19, 4], shape: [2, 3])
    let inputs = ["input_ids": ids, "attention_mask": try Tensor([Int64(1), 1, 1, 1, 1, 0], shape: [2, 3]), "token_type_ids": try Tensor.zeros([2, 3], .i64)]
    try Self.check(model.fixing(Dictionary(uniqueKeysWithValues: inputs.keys.map { ($0, [2, 3]) })), inputs, frees: [
      "encoder.layer.0.attention.self.query", "encoder.layer.1.attention.self.value", "encoder.layer.0.intermediate.dense",
    ])
  }

  @Test func pixelShuffleTakesBlocks() throws {
    let model = try Self.model([.symbol("N"), 3, 2, 2], [
      Self.node("Conv", "a", ["x", "a.weight"]),
      Self.node("DepthToSpace", "wide", ["a"], ["blocksize": .int(2), "mode": .string("CRD")]),
      Self.node("Conv", "y", ["wide", "b.weight"]),
    ], [Self.weight("a.weight", [12, 3, 1, 1]), Self.weight("b.weight", [4, 3, 1, 1])])
    try Self.check(model, ["x": Tensor.randn([2, 3, 2, 2], seed: 1)], frees: ["a"])
    #expect(try model.groups().first { $0.layers.contains("a") }?.units.count == 3)
  }

  @Test func shapeSubgraphsAreComputed() throws {
    let model = try Self.model([2, 3, 4], [
      Self.node("Shape", "shape", ["x"]), Self.node("Gather", "size", ["shape", "two"], ["axis": .int(0)]),
      Self.node("Cast", "real", ["size"], ["to": .int(1)]), Self.node("Mul", "half", ["real", "factor"]),
      Self.node("Floor", "down", ["half"]), Self.node("Cast", "whole", ["down"], ["to": .int(7)]),
      Self.node("Unsqueeze", "list", ["whole", "axis"]), Self.node("Concat", "target", ["minus", "list"], ["axis": .int(0)]),
      Self.node("Reshape", "y", ["x", "target"]),
    ], [
      Self.constant("two", [2]), Self.constant("axis", [0]), Self.constant("minus", [-1]),
      Parameter("factor", Tensor.scalar(0.5), isTrainable: false),
    ].map { $0.name == "two" ? Parameter("two", try Tensor([Int64(2)], shape: []), isTrainable: false) : $0 })
    #expect(try model.shapes()["y"]?.fixedShape == [12, 2])
    let folded = try model.foldingShapes()
    #expect(folded.nodes.map(\.op) == ["Reshape"])
    let x = try Tensor.randn([2, 3, 4], seed: 1)
    #expect(try folded(x).isEqual(to: model(x)))
  }
}
