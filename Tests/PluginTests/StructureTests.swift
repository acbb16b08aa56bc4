import Foundation
import PareKit
import Testing

/// Heads of attentions, residual branches, n:m as stored, and budgets of latency.
@Suite struct StructureTests {
  @Test func headsGoWhole() throws {
    let model = try NN.vit(image: 8, patch: 4, width: 24, depth: 2, heads: 4, classes: 5, seed: 1)
    let pruned = try BuiltIns.apply("prune", ["sparsity": 0.5, "granularity": "head"], to: model)
    for layer in 0..<2 {
      let path = "encoder.layers.encoder_layer_\(layer).self_attention"
      // Two of four heads of six: queries, keys and values of 12 each, and the columns that read them.
      #expect(try pruned.weight("\(path).in_proj_weight").shape == [36, 24])
      #expect(try pruned.weight("\(path).out_proj.weight").shape == [24, 12])
      #expect(try pruned.weight("encoder.layers.encoder_layer_\(layer).mlp.0.weight").shape == model.weight("encoder.layers.encoder_layer_\(layer).mlp.0.weight").shape)
      // The two that score lowest by the sum of their weights' sizes are gone.
      let before = try model.weight("\(path).in_proj_weight").abs().sum(axes: [1]).reshaped([3, 4, 6]).sum(axes: [0, 2]).floats()
      let after = try pruned.weight("\(path).in_proj_weight").abs().sum(axes: [1]).reshaped([3, 2, 6]).sum(axes: [0, 2]).floats()
      let largest = before.enumerated().sorted { $0.element > $1.element }.prefix(2).sorted { $0.offset < $1.offset }.map(\.element)
      #expect(zip(after, largest).allSatisfy { abs($0 - $1) < 1e-3 })
    }
    let cnn = try Zoo.cnn()
    #expect(BuiltIns.code { _ = try BuiltIns.apply("prune", ["sparsity": 0.5, "granularity": "head"], to: cnn) } == .nothingChanged)
  }

  @Test func branchesAreFound() throws {
    let branch = try #require(Zoo.residual().residualBranches().first)
    #expect(branch.layers == ["inner", "outer"] && branch.blocked == nil)
    #expect(try Zoo.cnn().residualBranches().isEmpty)
    let resnet = try NN.resnet(depth: 20, seed: 1).residualBranches()
    #expect(resnet.count == 9 && resnet.allSatisfy { $0.blocked == nil && $0.layers.count == 2 })
    let vit = try NN.vit(image: 8, patch: 4, width: 24, depth: 2, heads: 4, classes: 5).residualBranches()
    #expect(vit.count == 4 && vit.allSatisfy { $0.layers.count == 2 })
    // Two ways of equal length are no branch and shortcut.
    let equal = try NN.graph(input: [3], seed: 1) { x in
      try NN.linear(inFeatures: 3, outFeatures: 3)(x) + NN.linear(inFeatures: 3, outFeatures: 3)(x)
    }
    #expect(try equal.residualBranches().first?.blocked != nil)
    #expect(throws: PareError.self) { try equal.dropping(equal.residualBranches()) }
  }

  /// Dropped, masked, and what is left of a model whose branch is multiplied by nothing: the same function.
  @Test(arguments: [true, false]) func droppedIsMasked(physical: Bool) throws {
    let model = try NN.resnet(depth: 20, seed: 3)
    let pruned = try BuiltIns.apply(
      "prune", ["sparsity": .number(4.0 / 9), "granularity": "layer", "physical": .boolean(physical)], to: model)
    let branches = try model.residualBranches()
    let sums = try branches.map { branch in
      try branch.layers.reduce(0.0) { try $0 + Double(model.weight($1 + ".weight").abs().sum().item()) }
    }
    let lowest = Set(sums.indices.sorted { sums[$0] < sums[$1] }.prefix(4))
    let gone = branches.indices.filter { lowest.contains($0) }.map { branches[$0] }
    let x = try Tensor.randn([2, 3, 32, 32], seed: 4)
    let expected = try Interpreter(model.dropping(gone)).run(["input": x]).output()
    #expect(try Interpreter(pruned).run(["input": x]).output().isClose(to: expected, absolute: 1e-5))
    let convolutions = [model, pruned].map { $0.nodes.count { $0.op == "Conv" } }
    #expect(convolutions[0] - convolutions[1] == (physical ? 8 : 0))
  }

  @Test func branchesAreKeptAsAsked() throws {
    let model = try NN.resnet(depth: 20, seed: 3)
    let all = try model.residualBranches()
    let kept = all[0].layers[1]
    let method: any CompressionMethod = try BuiltIns.make(
      .method, "prune", ["sparsity": 0.9, "granularity": "layer", "keep": .list([.string(kept)])])
    let context = try BuiltIns.context(model)
    let plan = try #require(try method.plan(model, context))
    #expect(plan.items.count == 8 && plan.items.reduce(0) { $0 + $1.removed } == 7)
    #expect(plan.skipped.map(\.layer) == [all[0].name])
    #expect(BuiltIns.code {
      _ = try BuiltIns.apply("prune", ["granularity": "layer", "sparsity": 0.5, "layers": ["fc": ["sparsity": 0.5]]], to: model)
    } == .argument)
  }

  @Test(arguments: ["2:4", "1:4", "4:8"]) func patternsAreStoredAsSuch(name: String) throws {
    let data = try Zoo.digits()
    let pruned = try BuiltIns.apply("prune", ["granularity": .string(name)], to: Zoo.cnn())
    #expect(try pruned.layer(named: "fc1").representation == name)
    #expect(try pruned.layer(named: "conv2").representation == name)
    let dense = try Zoo.cnn().layer(named: "fc1"), layer = try pruned.layer(named: "fc1")
    #expect(layer.bytes < dense.bytes && layer.macs < dense.macs)
    let tuned = try BuiltIns.apply("finetune", ["epochs": 1], to: pruned, data: data)
    #expect(try tuned.layer(named: "fc1").representation == name)
    #expect(try tuned.zeros(of: "fc1.weight") == pruned.zeros(of: "fc1.weight"))
    let path = NSTemporaryDirectory() + "pattern-\(getpid())-\(name.replacing(":", with: "-")).pare"
    defer { unlink(path) }
    try PareFile.save(tuned, to: path)
    let again = try PareFile.load(path)
    #expect(try again.layer(named: "fc1").representation == name && again.hash() == tuned.hash())
    // The session computes what the interpreter does.
    let x = try Tensor.randn([3, 1, 8, 8], seed: 1)
    let expected = try Interpreter(again).run(["input": x]).output()
    let got = try #require(Session(again, batch: 3).run(["input": x]).values.first)
    #expect(try got.isClose(to: expected, absolute: 1e-4))
  }

  @Test func blocksAreStoredAsSuch() throws {
    let data = try Zoo.digits()
    let pruned = try BuiltIns.apply(
      "prune", ["granularity": "block", "block": .list([4, 2]), "sparsity": 0.75], to: Zoo.cnn())
    let dense = try Zoo.cnn().layer(named: "fc1"), layer = try pruned.layer(named: "fc1")
    #expect(layer.representation == "block" && layer.bytes * 3 < dense.bytes && layer.macs * 3 < dense.macs)
    let tuned = try BuiltIns.apply("finetune", ["epochs": 1], to: pruned, data: data)
    #expect(try tuned.layer(named: "fc1").representation == "block")
    #expect(try tuned.zeros(of: "fc1.weight") == pruned.zeros(of: "fc1.weight"))
    let again = try PareFile.decode(PareFile.encode(tuned), name: "blocks.pare")
    #expect(try again.layer(named: "fc1").representation == "block" && again.hash() == tuned.hash())
  }

  @Test func latencyBudgetsAreMetByTheTable() throws {
    let model = try NN.resnet(depth: 20, seed: 1), table = BreakEvenTable.builtIn
    let whole = try table.milliseconds(of: model)
    #expect(whole > 0)
    for granularity in ["filter", "layer"] {
      let values: [String: Value] = ["budget": ["latency_ms": .number(whole * 0.7)], "granularity": .string(granularity), "scope": "global"]
      let pruned = try BuiltIns.apply("prune", values, to: model)
      let rest = try table.milliseconds(of: pruned)
      #expect(rest <= whole * 0.7 && rest > whole * 0.5)
      // Never a fresh timing: the same bits.
      #expect(try BuiltIns.apply("prune", values, to: model).hash() == pruned.hash())
    }
    #expect(BuiltIns.code { _ = try BuiltIns.apply("prune", ["budget": ["latency_ms": 1e-6], "granularity": "filter"], to: model) } == .notReached)
    #expect(BuiltIns.code { _ = try BuiltIns.make(.method, "prune", ["sparsity": 0.5, "table": "0123456789abcdef"], as: (any CompressionMethod).self) } == .notFound)
  }

  @Test func latencyFollowsWorkAndTable() throws {
    func network(_ width: Int) throws -> Model {
      try NN.sequential([NN.conv2d(inChannels: 3, outChannels: width, kernel: 3), NN.relu(), NN.conv2d(inChannels: width, outChannels: width, kernel: 3)], input: [3, 32, 32])
    }
    var table = BreakEvenTable.builtIn
    let (narrow, wide) = (try table.milliseconds(of: network(32)), try table.milliseconds(of: network(64)))
    #expect(wide > 2 * narrow)
    // By hand: 28 * 28 * 64 * 64 * 9 and 30 * 30 * 64 * 27 multiply-accumulates, two layers.
    #expect(abs(wide - (28 * 28 * 64 * 64 * 9 + 30 * 30 * 64 * 27) / 60e6 - 2e-3 / 0.25) < 1e-9)
    table.rates = ["conv.f32": 120]
    #expect(try table.milliseconds(of: network(64)) < wide)
    #expect(try BreakEvenTable(text: table.text) == table && table.hash != BreakEvenTable.builtIn.hash)
    #expect(BuiltIns.code { _ = try BreakEvenTable(text: "rate conv.f32 0\n") } == .argument)
    #expect(BuiltIns.code { _ = try BreakEvenTable(text: "rate nothing 1\n") } == .argument)
  }
}
