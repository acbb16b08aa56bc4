import PareKit
import Pruning
import Testing

@Suite struct PruneTests {
  static let shapes: [[Int]] = [[1, 1], [1, 7], [5, 3], [16, 33], [4, 3, 1, 1], [8, 1, 3, 3], [7, 5, 3, 3]]

  /// A one-layer model with a weight of that shape.
  private func layer(_ shape: [Int], seed: UInt64) throws -> Model {
    if shape.count == 2 {
      return try NN.sequential(
        [NN.linear(inFeatures: shape[1], outFeatures: shape[0], name: "w")], input: [shape[1]], seed: seed)
    }
    return try NN.sequential(
      [NN.conv2d(inChannels: shape[1], outChannels: shape[0], kernel: shape[2], padding: shape[2] / 2, name: "w")],
      input: [shape[1], 6, 6], seed: seed)
  }

  @Test(arguments: shapes, [0.1, 0.5, 0.73, 0.9])
  func weightRatioIsExactToOneElement(shape: [Int], ratio: Double) throws {
    let model = try layer(shape, seed: 5)
    let count = shape.reduce(1, *)
    let wanted = min(Int((ratio * Double(count)).rounded()), count - 1)
    guard wanted > 0 else {
      #expect(BuiltIns.code { _ = try BuiltIns.apply("prune", ["sparsity": .number(ratio)], to: model) } == .nothingChanged)
      return
    }
    let pruned = try BuiltIns.apply("prune", ["sparsity": .number(ratio)], to: model)
    let before = try model.weight("w.weight").floats()
    let after = try pruned.weight("w.weight").floats()
    #expect(after.count { $0 == 0 } == wanted)
    let largestGone = zip(before, after).filter { $0.1 == 0 }.map { abs($0.0) }.max() ?? 0
    let smallestKept = zip(before, after).filter { $0.1 != 0 }.map { abs($0.0) }.min() ?? 0
    #expect(largestGone <= smallestKept)
    #expect(zip(before, after).allSatisfy { $0 == $1 || $1 == 0 })
  }

  @Test(arguments: ["layer", "global"])
  func agreesWithNumPy(scope: String) throws {
    let golden = try Golden.load().pruning
    var model = try NN.sequential(
      [
        NN.linear(inFeatures: 6, outFeatures: 4, name: "a"), NN.linear(inFeatures: 4, outFeatures: 3, name: "skip"),
        NN.linear(inFeatures: 3, outFeatures: 5, name: "b"),
      ], input: [6], seed: 0)
    model = try model.with([
      "a.weight": Tensor(golden.layers[0].map(Float.init), shape: [4, 6]),
      "b.weight": Tensor(golden.layers[1].map(Float.init), shape: [5, 3]),
    ])
    let pruned = try BuiltIns.apply(
      "prune", ["sparsity": .number(golden.ratio), "scope": .string(scope), "keep": ["skip"]], to: model)
    let expected = scope == "layer" ? golden.layer : golden.global
    #expect(try pruned.zeros(of: "a.weight").map { !$0 } == expected[0])
    #expect(try pruned.zeros(of: "b.weight").map { !$0 } == expected[1])
    #expect(try pruned.weight("skip.weight").floats() == model.weight("skip.weight").floats())
  }

  /// Models as exporters write them: a batch of one, free sizes of images, several inputs, some of them indices.
  @Test func prunesWhateverInputsThereAre() throws {
    let network = try NN.sequential(
      [NN.conv2d(inChannels: 3, outChannels: 8, kernel: 3, name: "a"), NN.relu(), NN.conv2d(inChannels: 8, outChannels: 4, kernel: 3, name: "b"), NN.globalAvgpool()],
      input: [3, 16, 16], seed: 1)
    let shapes: [[Dimension]] = [[1, 3, 16, 16], [.symbol("N"), 3, .symbol("H"), .symbol("W")], [2, 3, .symbol("H"), 16]]
    for shape in shapes {
      var model = network
      model.inputs[0].type.shape = shape
      model.outputs[0].type.shape = nil
      let pruned = try BuiltIns.apply("prune", ["sparsity": .number(0.5), "granularity": "filter"], to: model)
      #expect(try pruned.weight("a.weight").shape == [4, 3, 3, 3])
    }
    var model = network
    model.inputs.append(Port("kinds", ValueType(.i64, [.symbol("N")])))
    model.parameters["table"] = Parameter("table", try Tensor.randn([2, 4], seed: 2))
    let end = model.outputs[0].name
    model.nodes.append(Node(name: "row", op: "Gather", inputs: ["table", "kinds"], outputs: ["row"]))
    model.nodes.append(Node(name: "flat", op: "Flatten", inputs: [end], outputs: ["flat"]))
    model.nodes.append(Node(name: "sum", op: "Add", inputs: ["flat", "row"], outputs: ["sum"]))
    model.outputs = [Port("sum", ValueType(.f32, [.symbol("N"), 4]))]
    #expect(try BuiltIns.apply("prune", ["sparsity": .number(0.5), "granularity": "filter"], to: model).weight("a.weight").shape == [4, 3, 3, 3])
  }

  /// Attention has its channels last: `[positions, images, channels]`.
  @Test func channelsMayBeTheLastAxis() throws {
    let model = Model(
      inputs: [Port("x", ValueType(.f32, [5, 2, 8]))], outputs: [Port("y", ValueType(.f32, nil))],
      nodes: [
        Node(name: "a", op: "MatMul", inputs: ["x", "first"], outputs: ["h"]),
        Node(name: "r", op: "Relu", inputs: ["h"], outputs: ["g"]),
        Node(name: "b", op: "MatMul", inputs: ["g", "second"], outputs: ["z"]),
        // As the mask of attention: what is infinite in both forms does not differ.
        Node(name: "mask", op: "Where", inputs: ["seen", "z", "none"], outputs: ["y"]),
      ],
      parameters: [
        "seen": Parameter("seen", try Tensor([true, false, true, true, true, true, true, false], shape: [8]), isTrainable: false),
        "none": Parameter("none", try Tensor([-Float.infinity], shape: [1]), isTrainable: false),
        "first": Parameter("first", try Tensor.randn([8, 12], seed: 1)), "second": Parameter("second", try Tensor.randn([12, 8], seed: 2)),
      ])
    let pruned = try BuiltIns.apply("prune", ["sparsity": .number(0.5), "granularity": "neuron"], to: model)
    #expect(try pruned.weight("first").shape == [8, 6])
    #expect(try pruned.weight("second").shape == [6, 8])
  }

  /// Weights of transposed convolutions are `[in, out, ...]`; groups of them stay as they are.
  @Test func transposedConvolutionsHaveFilters() throws {
    func network(groups: Int) throws -> Model {
      try NN.sequential(
        [
          NN.convTranspose(inChannels: 6, outChannels: 8, kernel: [4, 4], stride: [2], padding: [1], groups: groups, name: "up"), NN.relu(),
          NN.conv2d(inChannels: 8, outChannels: 3, kernel: 3, padding: 1, name: "last"),
        ], input: [6, 5, 5], seed: 4)
    }
    let model = try network(groups: 1)
    let pruned = try BuiltIns.apply("prune", ["sparsity": .number(0.5), "granularity": "filter"], to: model)
    #expect(try pruned.weight("up.weight").shape == [6, 4, 4, 4])
    #expect(try pruned.weight("last.weight").shape == [3, 4, 3, 3])
    // The filters of the largest norms stay.
    let norms = try model.weight("up.weight").abs().sum(axes: [0, 2, 3]).floats()
    let best = norms.indices.sorted { norms[$0] > norms[$1] }.prefix(4).sorted()
    let kept = try model.weight("up.weight").gather(axis: 1, indices: Tensor(best.map(Int64.init), shape: [4]))
    #expect(try pruned.weight("up.weight").largestDifference(from: kept) == 0)
    let masked = try BuiltIns.apply("prune", ["sparsity": .number(0.5)], to: model)
    #expect(try masked.zeros(of: "up.weight").count { $0 } == 6 * 8 * 16 / 2)
    let x = try Tensor.randn([2, 6, 5, 5], seed: 1)
    let integers = try BuiltIns.apply("quantize", ["weights": ["bits": 8]], to: model)
    #expect(try integers(x).largestDifference(from: model(x)) < 0.05)
    #expect(BuiltIns.code { _ = try BuiltIns.apply("prune", ["sparsity": .number(0.5), "granularity": "filter"], to: network(groups: 2)) } == .nothingChanged)
  }

  @Test(arguments: [0.25, 0.5, 0.6, 0.75])
  func filterRatioIsExactToOneFilter(ratio: Double) throws {
    let pruned = try BuiltIns.apply("prune", ["sparsity": .number(ratio), "granularity": "filter"], to: Zoo.cnn())
    #expect(try pruned.weight("conv1.weight").shape[0] == 8 - Int((ratio * 8).rounded()))
    #expect(try pruned.weight("conv2.weight").shape[0] == 12 - Int((ratio * 12).rounded()))
    #expect(try pruned.weight("fc1.weight").shape[1] == 16 * pruned.weight("conv2.weight").shape[0])
    #expect(try pruned.weight("fc1.weight").shape[0] == 24)
  }

  @Test func widthsAreRounded() throws {
    let pruned = try BuiltIns.apply(
      "prune", ["sparsity": 0.5, "granularity": "filter", "round_to": 4], to: Zoo.cnn())
    #expect(try pruned.weight("conv1.weight").shape[0] == 4)
    #expect(try pruned.weight("conv2.weight").shape[0] == 8)
  }

  @Test(arguments: Zoo.all.map(\.name), ["filter", "neuron", "channel"])
  func shrunkEqualsMasked(name: String, granularity: String) throws {
    let model = try #require(Zoo.all.first { $0.name == name }).make()
    let values: [String: Value] = ["sparsity": 0.4, "granularity": .string(granularity)]
    var masked: Model?
    let code = BuiltIns.code {
      masked = try BuiltIns.apply("prune", values.merging(["physical": false]) { $1 }, to: model)
    }
    guard let masked else {
      // A network with one linear layer has no neurons that could go.
      #expect(code == .nothingChanged)
      #expect(granularity == "neuron" && name != "cnn")
      return
    }
    let shrunk = try BuiltIns.apply("prune", values, to: model)
    let x = try Tensor.randn([3, 1, 8, 8], seed: 9)
    #expect(try masked(x).largestDifference(from: shrunk(x)) < 1e-5)
    #expect(try model(x).largestDifference(from: shrunk(x)) > 1e-4)
    #expect(try shrunk.cost().parameters < model.cost().parameters)
    #expect(try masked.cost().parameters == model.cost().parameters)
  }

  @Test(arguments: ["macs", "parameters", "bytes"], ["layer", "global"])
  func budgetsAreMetToOneFilter(quantity: String, scope: String) throws {
    let model = try Zoo.cnn()
    let pruned = try BuiltIns.apply(
      "prune", ["budget": .table(ValueTable(fields: [quantity: 0.5])), "granularity": "filter", "scope": .string(scope)],
      to: model)
    func value(_ model: Model) throws -> Int {
      let cost = try model.cost()
      return quantity == "macs" ? cost.macs : quantity == "bytes" ? cost.bytes : cost.parameters
    }
    #expect(try value(pruned) * 2 <= value(model))
    // One filter more would break it: the largest filter of this network is a sixth of it.
    #expect(try value(pruned) * 3 > value(model))
  }

  @Test func budgetOfParametersCountsWeightsThatAreLeft() throws {
    let pruned = try BuiltIns.apply("prune", ["budget": ["parameters": 0.25], "scope": "global"], to: Zoo.cnn())
    let cost = try pruned.cost()
    #expect(cost.nonzeros <= Int(0.25 * Double(cost.parameters)))
    #expect(cost.nonzeros >= Int(0.25 * Double(cost.parameters)) - 1)
  }

  @Test(arguments: ["2:4", "1:4", "4:8"])
  func patterns(pattern: String) throws {
    let parts = pattern.split(separator: ":").compactMap { Int($0) }
    let pruned = try BuiltIns.apply("prune", ["granularity": .string(pattern)], to: Zoo.cnn())
    let weight = try pruned.weight("conv2.weight")
    let values = try weight.permuted([0, 2, 3, 1]).contiguous().floats()
    for start in stride(from: 0, to: values.count, by: 8) {
      let row = Array(values[start..<start + 8])
      for group in stride(from: 0, to: 8, by: parts[1]) {
        #expect(row[group..<group + parts[1]].count { $0 != 0 } == parts[0])
      }
    }
    #expect(try pruned.weight("conv1.weight").floats().allSatisfy { $0 != 0 })
  }

  @Test(arguments: [("kernel", 9), ("vector", 3)])
  func wholeUnitsGo(granularity: String, size: Int) throws {
    let pruned = try BuiltIns.apply("prune", ["sparsity": 0.5, "granularity": .string(granularity)], to: Zoo.cnn())
    let zeros = try pruned.zeros(of: "conv2.weight")
    let units = stride(from: 0, to: zeros.count, by: size).map { zeros[$0..<$0 + size] }
    #expect(units.allSatisfy { unit in unit.allSatisfy { $0 } || !unit.contains(true) })
    #expect(units.count { $0.contains(true) } == units.count / 2)
  }

  @Test func blocksSpanOutputsAndInputs() throws {
    let pruned = try BuiltIns.apply(
      "prune", ["sparsity": 0.5, "granularity": "block", "block": [4, 2]], to: Zoo.cnn())
    let zeros = try pruned.zeros(of: "fc1.weight")
    for row in stride(from: 0, to: 24, by: 4) {
      for column in stride(from: 0, to: 192, by: 2) {
        let block = (0..<4).flatMap { i in (0..<2).map { zeros[(row + i) * 192 + column + $0] } }
        #expect(Set(block).count == 1)
      }
    }
    #expect(zeros.count { $0 } == 24 * 192 / 2)
  }

  @Test func normsOfFilters() throws {
    try norms(1) { abs($0) }
    try norms(2) { $0 * $0 }
  }

  @Test func largestWeightOfFilters() throws {
    let model = try Zoo.cnn()
    let pruned = try BuiltIns.apply(
      "prune", ["sparsity": 0.5, "granularity": "filter", "criterion": .table(ValueTable(items: ["magnitude"], fields: ["p": "inf"]))],
      to: model)
    let rows = try rows(model).enumerated().sorted { ($0.element.map(abs).max() ?? 0) > ($1.element.map(abs).max() ?? 0) }
    #expect(try Set(self.rows(pruned)) == Set(rows.prefix(4).map(\.element)))
  }

  private func norms(_ p: Value, _ size: (Float) -> Float) throws {
    let model = try Zoo.cnn()
    let pruned = try BuiltIns.apply(
      "prune", ["sparsity": 0.5, "granularity": "filter", "criterion": .table(ValueTable(items: ["magnitude"], fields: ["p": p]))],
      to: model)
    let rows = try rows(model).sorted { a, b in a.map(size).reduce(0, +) > b.map(size).reduce(0, +) }
    #expect(try Set(self.rows(pruned)) == Set(rows.prefix(4)))
  }

  private func rows(_ model: Model) throws -> [[Float]] {
    let values = try model.weight("conv1.weight").floats()
    return stride(from: 0, to: values.count, by: 9).map { Array(values[$0..<$0 + 9]) }
  }

  @Test func randomComesFromTheSeed() throws {
    let values: [String: Value] = ["sparsity": 0.5, "criterion": "random"]
    let first = try BuiltIns.apply("prune", values, to: Zoo.cnn(), seed: 1)
    #expect(try BuiltIns.apply("prune", values, to: Zoo.cnn(), seed: 1).hash() == first.hash())
    #expect(try BuiltIns.apply("prune", values, to: Zoo.cnn(), seed: 2).hash() != first.hash())
  }

  @Test(arguments: [true, false])
  func masksSurviveFinetuning(physical: Bool) throws {
    let data = try Zoo.digits()
    let pruned = try BuiltIns.apply("prune", ["sparsity": 0.8, "physical": .boolean(physical)], to: Zoo.cnn())
    #expect(try pruned.layer(named: "fc1").representation == (physical ? "csr" : "masked"))
    let tuned = try BuiltIns.apply("finetune", ["epochs": 1], to: pruned, data: data)
    for name in ["conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight"] {
      #expect(try tuned.zeros(of: name) == pruned.zeros(of: name))
      #expect(try tuned.weight(name).largestDifference(from: pruned.weight(name)) > 0)
    }
  }

  @Test func csrIsChosenOnlyWhereItIsSmaller() throws {
    let model = try Zoo.cnn()
    let light = try BuiltIns.apply("prune", ["sparsity": 0.1], to: model)
    #expect(try light.layer(named: "fc1").representation == "masked")
    let heavy = try BuiltIns.apply("prune", ["sparsity": 0.9], to: model)
    #expect(try heavy.cost().bytes < model.cost().bytes / 3)
  }

  @Test func layersOfTheirOwn() throws {
    let pruned = try BuiltIns.apply(
      "prune", ["layers": ["conv2": ["sparsity": 0.25], "fc1": ["sparsity": 0.5]], "granularity": "filter"], to: Zoo.cnn())
    #expect(try pruned.weight("conv1.weight").shape[0] == 8)
    #expect(try pruned.weight("conv2.weight").shape[0] == 9)
    #expect(try pruned.weight("fc1.weight").shape[0] == 12)
  }

  @Test func gradualPruningEndsAtTheSameRatio() throws {
    let data = try Zoo.digits()
    let pruned = try BuiltIns.apply(
      "prune", ["sparsity": 0.75, "schedule": "cubic", "steps": 3, "epochs": 1], to: Zoo.cnn(), data: data)
    #expect(try pruned.zeros(of: "fc1.weight").count { $0 } == 24 * 192 * 3 / 4)
    let cut = try BuiltIns.apply(
      "prune", ["sparsity": 0.5, "granularity": "filter", "schedule": "cubic", "steps": 2], to: Zoo.cnn(), data: data)
    #expect(try cut.weight("conv1.weight").shape[0] == 4)
    #expect(try cut.layer(named: "conv1").representation == "dense")
  }

  @Test func planTellsWithoutDoing() throws {
    let model = try Zoo.cnn()
    let method: any CompressionMethod = try BuiltIns.make(.method, "prune", ["sparsity": .number(0.5), "granularity": "filter"])
    let plan = try #require(try method.plan(model, BuiltIns.context(model)))
    let after = try method.apply(model, BuiltIns.context(model))
    #expect(plan.items.map(\.removed) == [4, 6])
    #expect(plan.after == (try after.cost()))
    #expect(plan.skipped.map(\.layer).contains("fc2"))
  }

  static let refused: [([String: Value], PareError.Code)] = [
    ([:], .argument), (["sparsity": 0.5, "threshold": 1], .argument), (["sparsity": 1], .argument),
    (["sparsity": -0.1], .argument), (["sparsity": 0.5, "granularity": "fliter"], .argument),
    (["sparsity": 0.5, "granularity": "head"], .nothingChanged), (["sparsity": 0.5, "granularity": "4:2"], .argument),
    (["sparsity": 0.5, "granularity": "block"], .argument), (["budget": ["macs": 0]], .argument),
    (["budget": ["mac": 0.5]], .argument), (["budget": ["latency_ms": 1]], .nothingChanged),
    (["sparsity": 0.5, "keep": ["conv9"]], .notFound), (["sparsity": 0.5, "layers": ["fc9": ["sparsity": 0.1]]], .notFound),
    (["sparsity": 0.5, "layers": ["fc1": ["sparsity": 2]]], .argument), (["sparsity": 0], .nothingChanged),
    (["threshold": -1], .nothingChanged), (["budget": ["macs": 0.0001], "granularity": "filter"], .notReached),
  ]

  @Test(arguments: refused.indices)
  func refuses(index: Int) throws {
    let (values, code) = Self.refused[index]
    #expect(BuiltIns.code { _ = try BuiltIns.apply("prune", values, to: Zoo.cnn()) } == code)
  }
}

@Suite struct ScheduleTests {
  @Test func cubicFollowsTheFormula() throws {
    for row in try Golden.load().cubic {
      let schedule: any SparsitySchedule = try BuiltIns.make(.schedule, "cubic", ["initial": .number(row.initial / row.final)])
      for (step, expected) in row.sparsity.enumerated() {
        #expect(try abs(row.final * schedule.value(step: step, total: row.total) - expected) < 1e-12)
      }
    }
  }

  @Test(arguments: ["one_shot", "linear", "cubic"])
  func endsAtOne(name: String) throws {
    let schedule: any SparsitySchedule = try BuiltIns.make(.schedule, name)
    #expect(try schedule.value(step: 7, total: 7) == 1)
    #expect(try schedule.value(step: 0, total: 0) == 1)
  }
}
