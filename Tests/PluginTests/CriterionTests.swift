import Foundation
import PareKit
import Pruning
import Testing

/// Scores against `Tests/Golden/plugins/criteria.py`: gradients and activations from PyTorch, formulas in NumPy.
@Suite struct CriterionTests {
  private struct File: Decodable {
    let weights: [String: [Double]]
    let x: [Double]
    let labels: [Int]
    let scores: [String: [String: [Double]]]
  }
  private struct Case: CustomTestStringConvertible {
    let criterion: String
    var arguments: [String: Value] = [:]
    var granularity = "weight"
    /// Its name among the golden scores.
    var golden: String
    var tolerance = 1e-5
    var testDescription: String { golden }

    init(_ criterion: String, _ arguments: [String: Value] = [:], _ granularity: String = "weight", golden: String? = nil) {
      (self.criterion, self.arguments, self.granularity) = (criterion, arguments, granularity)
      self.golden = golden ?? criterion
    }
  }

  private static let cases = [
    Case("sensitivity"), Case("sensitivity", ["per_sample": true], golden: "sensitivity per_sample"), Case("gradient_norm"),
    Case("fisher"), Case("wanda"), Case("wanda", ["per_output": false], golden: "wanda products"), Case("activation", [:], "filter"),
    Case("apoz", [:], "filter"), Case("combined", ["balance": .number(0.5)], "filter"), Case("bn_scale", [:], "filter"),
    Case("fpgm", [:], "filter"), Case("fpgm", [:], "channel", golden: "fpgm inputs"), Case("lamp"),
    Case("lamp", [:], "filter", golden: "lamp filters"),
  ]

  private let file: File
  private let model: Model
  private let data: Dataset

  init() throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Golden/plugins/criteria.json")
    let file = try JSONDecoder().decode(File.self, from: Data(contentsOf: url))
    let network = try NN.sequential(
      [
        NN.conv2d(inChannels: 2, outChannels: 4, kernel: 3, padding: 1, name: "conv"), NN.batchnorm2d(channels: 4, name: "bn"), NN.relu(),
        NN.flatten(), NN.linear(inFeatures: 64, outFeatures: 6, name: "fc1"), NN.relu(),
        NN.linear(inFeatures: 6, outFeatures: 3, name: "fc2"),
      ], input: [2, 4, 4])
    model = try network.with(
      file.weights.reduce(into: [:]) { tensors, weight in
        tensors[weight.key] = try Tensor(weight.value.map(Float.init), shape: network.parameter(named: weight.key).shape)
      })
    let x = try Tensor(file.x.map(Float.init), shape: [12, 2, 4, 4]), labels = try Tensor(file.labels.map(Int64.init))
    func part(_ part: DataPart.Role) throws -> DataPart { try DataPart(part, x: x, y: labels) }
    data = try Dataset(name: "golden", train: part(.train), validation: part(.validation), test: part(.test), classes: ["a", "b", "c"])
    self.file = file
  }

  @Test(arguments: cases) private func agreesWithNumPy(_ test: Case) throws {
    let criterion: any ImportanceCriterion = try BuiltIns.make(.criterion, test.criterion, test.arguments)
    let context = try BuiltIns.context(model, data)
    var checked = 0
    for var layer in try context.statistics(of: model, needs: criterion.needs, samples: 12) {
      guard let expected = file.scores[layer.name]?[test.golden] else { continue }
      layer.granularity = test.granularity
      layer.units = test.granularity == "weight" ? layer.weight.count : layer.weight.shape[test.granularity == "channel" ? 1 : 0]
      let scores = try criterion.score(layer, context)
      #expect(scores.shape == layer.weight.shape || scores.shape == [layer.units])
      // Scores of weights, summed over a unit, are scores of units.
      try #require(scores.count == expected.count)
      let largest = expected.map(abs).max() ?? 0
      for (score, value) in zip(try scores.scalars(), expected) { #expect(abs(score - value) <= test.tolerance * largest, "\(layer.name)") }
      checked += 1
    }
    #expect(checked > 0)
  }

  /// Each output loses the same share, whatever its scale; the model's inputs decide which weights.
  @Test func wandaTakesTheSameShareOfEachOutput() throws {
    let scaled = try model.with(["fc1.weight": model.weight("fc1.weight") * Tensor((1...6).map { Float($0 * $0) }, shape: [6, 1])])
    let pruned = try BuiltIns.apply("prune", ["sparsity": .number(0.5), "criterion": "wanda", "keep": ["conv", "fc2"]], to: scaled, data: data)
    let zeros = try pruned.zeros(of: "fc1.weight")
    for row in 0..<6 { #expect(zeros[row * 64..<row * 64 + 64].count { $0 } == 32) }
  }

  @Test(arguments: ["activation", "apoz", "combined", "bn_scale"]) func outputsAreAskedFor(_ criterion: String) throws {
    let code = BuiltIns.code { _ = try BuiltIns.apply("prune", ["sparsity": .number(0.5), "criterion": .string(criterion)], to: model, data: data) }
    #expect(code == .argument)
    let cut = try BuiltIns.apply(
      "prune", ["sparsity": .number(0.5), "criterion": .string(criterion), "granularity": "filter"], to: model, data: data)
    #expect(try cut.weight("conv.weight").shape == [2, 2, 3, 3])
  }

  @Test func bnScaleNamesTheLayerWithoutOne() throws {
    let code = BuiltIns.code {
      _ = try BuiltIns.apply("prune", ["sparsity": .number(0.5), "criterion": "bn_scale", "granularity": "neuron"], to: model, data: data)
    }
    #expect(code == .argument)
  }
}
