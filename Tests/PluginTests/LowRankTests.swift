import LowRank
import PareKit
import Testing

@Suite struct LowRankTests {
  /// A linear layer with the golden weight, `[6, 9]`.
  private func model(_ golden: Golden.Spectrum) throws -> Model {
    let model = try NN.sequential([NN.linear(inFeatures: 9, outFeatures: 6, name: "fc")], input: [9], seed: 3)
    return try model.with(["fc.weight": Tensor(golden.weight.map(Float.init), shape: [6, 9])])
  }

  private func product(_ module: Module, _ golden: Golden.Spectrum) throws -> Model {
    try model(golden).replacing(layer: "fc", with: module)
  }

  @Test func errorIsTheTailOfTheSpectrum() throws {
    let golden = try Golden.load().spectrum
    let svd: any Decomposition = try BuiltIns.make(.decomposition, "svd")
    let whole = try model(golden)
    let view = try #require(whole.layerViews().first)
    for (own, other) in zip(try svd.spectrum(view), golden.values) { #expect(abs(own - other) < 1e-5) }
    for rank in 1...6 {
      let factorized = try whole.replacing(layer: "fc", with: svd.factor(view, rank: rank))
      let names = ["fc.0.weight", "fc.1.weight"]
      let weight = try factorized.weight(names[1]).matmul(factorized.weight(names[0]))
      let difference = try (weight - whole.weight("fc.weight"))
      let error = try (difference * difference).sum().item().squareRoot()
      #expect(abs(error - golden.tails[rank - 1]) < 1e-5)
      #expect(factorized.nodes.map(\.origin) == ["fc", "fc"])
    }
    #expect(BuiltIns.code { _ = try svd.factor(view, rank: 7) } == .argument)
    #expect(BuiltIns.code { _ = try svd.factor(view, rank: 0) } == .argument)
  }

  @Test func fullRankReproducesTheLayer() throws {
    let svd: any Decomposition = try BuiltIns.make(.decomposition, "svd")
    for make in Zoo.all.map(\.make) {
      let model = try make()
      let x = try Tensor.randn([2, 1, 8, 8], seed: 4)
      for view in try model.layerViews() where view.groups == 1 && view.weight.shape.dropFirst(2).allSatisfy({ $0 == 1 }) {
        let rank = min(view.weight.shape[0], view.weight.shape[1])
        let factorized = try model.replacing(layer: view.name, with: svd.factor(view, rank: rank))
        #expect(try factorized(x).largestDifference(from: model(x)) < 1e-4)
      }
    }
  }

  @Test func energyAgreesWithNumPy() throws {
    let golden = try Golden.load().spectrum
    let view = try #require(model(golden).layerViews().first)
    for row in golden.energy {
      let selector: any RankSelector = try BuiltIns.make(.rank, "energy", ["energy": .number(row.share)])
      #expect(try selector.choose(view, spectrum: golden.values) == row.rank)
    }
    let fixed: any RankSelector = try BuiltIns.make(.rank, "fixed", ["rank": 4])
    #expect(try fixed.choose(view, spectrum: golden.values) == 4)
    #expect(try fixed.choose(view, spectrum: [1, 1]) == 2)
    let ratio: any RankSelector = try BuiltIns.make(.rank, "ratio", ["ratio": 0.5])
    #expect(try ratio.choose(view, spectrum: golden.values) == 3)
    let all: any RankSelector = try BuiltIns.make(.rank, "energy", ["energy": 1])
    #expect(try all.choose(view, spectrum: [0, 0]) == 1)
  }

  @Test func replacesOnlyWhatGetsSmaller() throws {
    let model = try Zoo.cnn()
    let context = try BuiltIns.context(model)
    let method: any CompressionMethod = try BuiltIns.make(.method, "lowrank", ["rank": 8])
    let smaller = try method.apply(model, context)
    #expect(smaller.nodes.filter { $0.origin == "fc1" }.map(\.name) == ["fc1.0", "fc1.1"])
    // Rank 8 of a 10x24 layer has 272 weights where the layer has 240.
    #expect(smaller.nodes.contains { $0.name == "fc2" } && smaller.nodes.contains { $0.name == "conv1" })
    #expect(try smaller.cost().macs < model.cost().macs && smaller.cost().bytes < model.cost().bytes)
    let plan = try #require(try method.plan(model, BuiltIns.context(model)))
    #expect(plan.items.map(\.layer) == ["fc1"])
    #expect(Set(plan.skipped.map(\.layer)) == ["conv1", "conv2", "fc2"])
  }

  @Test func keepsWhatEarlierStepsEstablished() throws {
    let pruned = try BuiltIns.apply("prune", ["sparsity": 0.5], to: Zoo.cnn())
    #expect(BuiltIns.code { _ = try BuiltIns.apply("lowrank", ["rank": 2], to: pruned) } == .nothingChanged)
    let structured = try BuiltIns.apply("prune", ["sparsity": 0.5, "granularity": "filter"], to: Zoo.cnn())
    let factorized = try BuiltIns.apply("lowrank", ["rank": 2, "scope": ["fc1"]], to: structured)
    #expect(try factorized.weight("fc1.0.weight").shape.dimensions == [2, 96])
  }

  static let refused: [([String: Value], PareError.Code)] = [
    (["rank": 0], .argument), (["rank": 2, "energy": 0.5], .argument), (["energy": 2], .argument),
    (["energy": 1], .nothingChanged), (["keep": ["fc9"]], .notFound), (["layers": ["fc1": ["rnk": 2]]], .argument),
  ]

  @Test(arguments: refused.indices)
  func refuses(index: Int) throws {
    let (values, code) = Self.refused[index]
    #expect(BuiltIns.code { _ = try BuiltIns.apply("lowrank", values, to: Zoo.cnn()) } == code)
  }
}
