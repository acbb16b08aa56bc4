import Graph
import Support
import Tensor
import TestSupport
import Testing

@Suite struct EditTests {
  static func network() throws -> Model {
    let model = try NN.sequential([
      NN.conv2d(inChannels: 3, outChannels: 8, kernel: 3, padding: 1, bias: false, name: "conv"),
      NN.batchnorm2d(channels: 8, name: "bn"), NN.relu(name: "relu"), NN.dropout(name: "drop"), NN.flatten(name: "flat"),
      NN.linear(inFeatures: 128, outFeatures: 5, name: "fc"),
    ], input: [3, 4, 4], seed: 3)
    return try model.with([
      "bn.weight": Tensor.rand([8], low: 0.5, high: 2, seed: 1), "bn.bias": Tensor.randn([8], seed: 2),
      "bn.running_mean": Tensor.randn([8], seed: 3), "bn.running_var": Tensor.rand([8], low: 0.5, high: 2, seed: 4),
    ])
  }
  static func data() throws -> Tensor { try Tensor.randn([6, 3, 4, 4], seed: 8) }

  @Test func foldedBatchNormComputesTheSame() throws {
    let model = try Self.network(), x = try Self.data()
    let folded = try model.foldingBatchNorm().eliminatingIdentities()
    #expect(folded.nodes.map(\.name) == ["conv", "relu", "flat", "fc"])
    #expect(folded.parameters.keys.contains("conv.bias") && !folded.parameters.keys.contains("bn.weight"))
    #expect(try difference(folded(x), model(x), relative: 1e-5) == nil)
  }

  @Test func constantsFold() throws {
    let model = try Wiring.reshaped.model(seed: 1), folded = try model.foldingConstants()
    let x = try Wiring.reshaped.input(model)
    #expect(try difference(folded(x), model(x), relative: 0) == nil)
    var fixed = model
    fixed.inputs[0].type.shape?[0] = 2
    #expect(try fixed.foldingConstants().nodes.map(\.name) == ["a", "view", "f"])
  }

  @Test func trainingUpdatesRunningStatistics() throws {
    let model = try Self.network(), x = try Self.data()
    let run = try Interpreter(model).run(["input": x], taps: ["conv"], training: true, seed: 1)
    let y = try #require(run.taps["conv"])
    let mean = try y.mean(axes: [0, 2, 3]), variance = try y.variance(axes: [0, 2, 3], unbiased: true)
    let expected = try model.tensor(named: "bn.running_mean") * 0.9 + mean * 0.1
    #expect(try difference(#require(run.statistics["bn.running_mean"]), expected, relative: 1e-5) == nil)
    let spread = try model.tensor(named: "bn.running_var") * 0.9 + variance * 0.1
    #expect(try difference(#require(run.statistics["bn.running_var"]), spread, relative: 1e-5) == nil)
    #expect(try Interpreter(model).run(["input": x]).statistics.isEmpty)
  }

  /// Gradients reach leaves through projections; a masked weight's gradient is zero where it is held.
  @Test func gradientsRespectMasks() throws {
    var model = try Self.network()
    let mask = try Tensor.randn([5, 128], seed: 1).gt(0)
    model = try model.with(representations: ["fc.weight": MaskedRepresentation(model.tensor(named: "fc.weight"), mask: mask)])
    let leaf = try model.parameter(named: "fc.weight").value.trainable().tracked()
    let run = try Interpreter(model).run(["input": Self.data()], parameters: ["fc.weight": leaf])
    let gradient = try #require(run.outputs["output"]).sum().backward()[leaf]
    let held = try #require(gradient) * mask.not().converted(to: .f32)
    #expect(try held.countNonzero() == 0 && gradient?.countNonzero() ?? 0 > 0)
    let updated = try model.with(["fc.weight": Tensor.ones([5, 128])])
    #expect(try updated.tensor(named: "fc.weight").countNonzero() == mask.countNonzero())
    #expect(try model.layer(named: "fc").representation == "masked")
  }

  @Test func factorsMultiplyBack() throws {
    let model = try Self.network(), x = try Self.data(), weight = try model.tensor(named: "fc.weight")
    let (u, s, vt) = try weight.svd()
    let pair = Module(sequence: [
      try NN.linear(inFeatures: 128, outFeatures: 5, bias: false).with(["weight": vt]),
      try NN.linear(inFeatures: 5, outFeatures: 5).with(["weight": u * s, "bias": model.tensor(named: "fc.bias")]),
    ])
    let factored = try model.replacing(layer: "fc", with: pair)
    #expect(factored.nodes.suffix(2).map(\.name) == ["fc.0", "fc.1"])
    #expect(factored.nodes.suffix(2).map(\.origin) == ["fc", "fc"])
    #expect(try difference(factored.tensor(named: "fc.weight"), weight, relative: 1e-5) == nil)
    #expect(try factored.tensor(named: "fc.bias").isEqual(to: model.tensor(named: "fc.bias")))
    #expect(try difference(factored(x), model(x), relative: 1e-5) == nil)
  }

  @Test func convolutionFactorsMultiplyBack() throws {
    let pair = Module(sequence: [
      try NN.conv2d(inChannels: 3, outChannels: 4, kernel: [3, 1], stride: [2, 1], padding: [1, 0], bias: false),
      try NN.conv2d(inChannels: 4, outChannels: 8, kernel: [1, 3], stride: [1, 2], padding: [0, 1], groups: 2, bias: false),
    ])
    let whole = try NN.sequential([
      NN.conv2d(inChannels: 3, outChannels: 8, kernel: 3, stride: 2, padding: 1, bias: false, name: "c")], input: [3, 9, 9])
    let factored = try whole.replacing(layer: "c", with: pair), x = try Tensor.randn([2, 3, 9, 9], seed: 1)
    let product = try factored.tensor(named: "c.weight")
    #expect(try difference(whole.with(["c.weight": product])(x), factored(x), relative: 1e-5) == nil)
  }

  @Test func cutAppendRename() throws {
    let model = try Self.network(), x = try Self.data()
    let trunk = try model.cut(to: "flat")
    #expect(trunk.nodes.count == 5 && trunk.parameters["fc.weight"] == nil)
    let head = try model.cut(from: "fc")
    #expect(try difference(head(trunk(x)), model(x), relative: 0) == nil)
    let grown = try trunk.appending(NN.linear(inFeatures: 128, outFeatures: 2, name: "head"))
    #expect(grown.outputs.map(\.name) == trunk.outputs.map(\.name))
    #expect(try grown(x).shape == [6, 2])
    let renamed = try model.renaming(["fc": "top", "conv.weight": "stem.weight"])
    #expect(renamed.parameters.keys.contains("top.weight") && renamed.parameters.keys.contains("stem.weight"))
    #expect(try difference(renamed(x), model(x), relative: 0) == nil)
    let error = #expect(throws: PareError.self) { try model.cut(from: "convv") }
    #expect(error?.code == .notFound && error?.suggestion == "did you mean 'conv'?")
    #expect(throws: PareError.self) { try model.renaming(["fc": "conv"]) }
    #expect(throws: PareError.self) { try model.cut(from: "fc", to: "conv") }
  }

  @Test func quantizedActivationsRound() throws {
    let model = try Self.network(), x = try Self.data()
    let grid = try Model.ActivationGrid(scale: 0.05, zeroPoint: 128)
    let quantized = try model.quantizingActivations(["input": grid, "relu": Model.ActivationGrid(scale: 0.02, zeroPoint: 0)])
    #expect(quantized.nodes.prefix(2).map(\.name) == ["input.quantize", "input.dequantize"])
    let y = try quantized(x), plain = try model(x)
    #expect(try difference(y, plain, relative: 1e-6) != nil)
    #expect(try difference(y, plain, relative: 0.1) == nil)
    // The floating form under the tape gives the same numbers, and gradients pass.
    let leaf = try model.parameter(named: "conv.weight").value.trainable().tracked()
    let run = try Interpreter(quantized).run(["input": x], parameters: ["conv.weight": leaf])
    let output = try #require(run.outputs["output"])
    #expect(try difference(output.detached(), y, relative: 1e-6) == nil)
    #expect(try output.sum().backward()[leaf]?.countNonzero() ?? 0 > 0)
    #expect(throws: PareError.self) { try quantized.quantizingActivations(["relu": grid]) }
    #expect(throws: PareError.self) { try model.quantizingActivations(["nothing": grid]) }
  }

  @Test func stateDictsAreChecked() throws {
    let model = try Self.network()
    var state = OrderedDictionary(uniqueKeysWithValues: try model.parameters.values.filter(model.isState).map { ($0.name, try $0.value.dense()) })
    state["bn.num_batches_tracked"] = try Tensor.scalar(3, .i64)
    #expect(try model.loading(state).1 == Model.LoadReport())
    state["fc.bias"] = nil
    state["extra"] = try Tensor.ones([1])
    state["fc.weight"] = try Tensor.ones([2, 2])
    #expect(throws: PareError.self) { try model.loading(state) }
    let report = try model.loading(state, strict: false).1
    #expect(report.missing == ["fc.bias"] && report.unexpected == ["extra"] && report.mismatched == ["fc.weight"])
  }

  @Test func hashNamesContents() throws {
    let model = try Self.network()
    #expect(try model.hash() == Self.network().hash() && model.hash().count == 64)
    var other = model
    other.ledger.append(LedgerEntry(method: "x", version: "1", parent: ""))
    #expect(try other.hash() == model.hash())
    other = try model.with(["fc.bias": Tensor.zeros([5])])
    #expect(try other.hash() != model.hash())
  }

  @Test func theVerifierFindsFaults() throws {
    let model = try Self.network()
    func fault(_ change: (inout Model) -> Void) -> PareError? {
      var copy = model
      change(&copy)
      return #expect(throws: PareError.self) { try copy.verified() }
    }
    #expect(fault { $0.nodes.swapAt(0, 1) }?.description.contains("no earlier node") == true)
    #expect(fault { $0.nodes[1].name = "conv" }?.description.contains("two layers") == true)
    #expect(fault { $0.nodes[1].outputs = ["input"] }?.description.contains("taken") == true)
    #expect(fault { $0.nodes.removeLast() } != nil)
    #expect(fault { $0.nodes[0].inputs.removeLast() } != nil)
    #expect(fault { $0.outputs[0].name = "z" } != nil)
    let spare = try Tensor.ones([1])
    #expect(fault { $0.parameters["spare"] = Parameter("spare", spare) }?.description.contains("read by no layer") == true)
  }
}
