import PareKit
import Quantization
import Testing

/// What is done to a model before its weights are rounded, and after.
@Suite struct EqualizationTests {
  private func algorithm(_ name: String, _ arguments: [String: Value] = [:]) throws -> any QuantizationAlgorithm {
    try BuiltIns.make(.algorithm, name, arguments)
  }

  private func largest(_ model: Model, _ name: String, axis: Int) throws -> [Double] {
    let weight = try model.weight(name)
    return try weight.abs().max(axes: (0..<weight.rank).filter { $0 != axis }).scalars()
  }

  @Test(arguments: Zoo.all.indices) func theModelComputesTheSame(index: Int) throws {
    let model = try Zoo.all[index].make().foldingBatchNorm(), x = try Zoo.digits().validation.all().x.slice(axis: 0, to: 40)
    let even = try algorithm("equalization").prepared(model, BuiltIns.context(model))
    let before = try model(x), after = try even(x)
    #expect(try before.largestDifference(from: after) <= 1e-4 * before.abs().max().item())
    #expect(try even.hash() != model.hash(), "nothing was evened out")
  }

  @Test func bothRangesBecomeTheirGeometricMean() throws {
    let model = try Zoo.cnn()
    let even = try algorithm("equalization").prepared(model, BuiltIns.context(model))
    for (first, second) in zip(try largest(even, "conv1.weight", axis: 0), try largest(even, "conv2.weight", axis: 1)) {
      #expect(abs(first - second) < 1e-2 * first)
    }
    // Through a flatten: a channel of the images is many columns of the linear layer.
    let columns = try even.weight("fc1.weight").abs().reshaped([24, 12, 16]).max(axes: [0, 2]).scalars()
    for (first, second) in zip(try largest(even, "conv2.weight", axis: 0), columns) { #expect(abs(first - second) < 1e-2 * first) }
  }

  /// Channels of very different ranges under one scale for the whole weight.
  @Test func oneScaleServesAllChannels() throws {
    let data = try Zoo.digits()
    let model = try BuiltIns.apply("finetune", ["epochs": 3, "optimizer": "adam", "lr": 0.002], to: Zoo.cnn(), data: data)
    let factors = try Tensor((0..<8).map { Float($0 % 2 == 0 ? 30 : 1) }, shape: [8, 1, 1, 1])
    let uneven = try model.with([
      "conv1.weight": model.weight("conv1.weight") * factors, "conv1.bias": model.weight("conv1.bias") * factors.reshaped([8]),
      "conv2.weight": model.weight("conv2.weight") / factors.reshaped([1, 8, 1, 1]),
    ])
    func loss(_ algorithm: String) throws -> Double {
      let small = try BuiltIns.apply(
        "quantize", ["weights": .table(ValueTable(fields: ["bits": 4, "granularity": "tensor"])), "algorithm": .string(algorithm)], to: uneven, data: data)
      return try evaluate(small, on: data.validation).loss
    }
    #expect(try loss("equalization") < 0.8 * loss("nearest"))
  }

  @Test func whatDoesNotCommuteIsLeftAlone() throws {
    let model = try NN.sequential(
      [NN.linear(inFeatures: 4, outFeatures: 6, name: "a"), NN.sigmoid(), NN.linear(inFeatures: 6, outFeatures: 3, name: "b")], input: [4], seed: 1)
    let even = try algorithm("equalization").prepared(model, BuiltIns.context(model))
    #expect(try even.hash() == model.hash())
  }

  @Test(arguments: ["iterative", "fast"]) func meansComeBack(mode: String) throws {
    let data = try Zoo.digits()
    // No padding: every position of a kernel sees all of the image's mean but for its border, and a linear layer sees all.
    let model = try NN.sequential([NN.flatten(), NN.linear(inFeatures: 64, outFeatures: 10, name: "fc")], input: [1, 8, 8], seed: 1)
    func quantized(_ algorithm: Value) throws -> Model {
      try BuiltIns.apply("quantize", ["weights": .table(ValueTable(fields: ["bits": 2])), "algorithm": algorithm], to: model, data: data)
    }
    let count = data.train.count
    let corrected = try quantized(.table(ValueTable(items: ["bias_correction"], fields: ["mode": .string(mode), "samples": .integer(count)])))
    let x = try data.train.all().x
    func means(_ model: Model) throws -> Tensor { try model(x).mean(axes: [0]) }
    #expect(try means(corrected).largestDifference(from: means(model)) < 1e-4)
    #expect(try means(quantized("nearest")).largestDifference(from: means(model)) > 1e-2)
  }

  /// Activations as integers, several layers, another rounding inside.
  @Test func networksLoseLess() throws {
    let data = try Zoo.digits()
    let model = try BuiltIns.apply("finetune", ["epochs": 3, "optimizer": "adam", "lr": 0.002], to: Zoo.cnn(), data: data)
    func loss(_ algorithm: Value) throws -> Double {
      let small = try BuiltIns.apply("quantize", ["weights": .table(ValueTable(fields: ["bits": 2])), "activations": .table(ValueTable(fields: ["bits": 8])), "algorithm": algorithm], to: model, data: data)
      return try evaluate(small, on: data.validation).loss
    }
    let plain = try loss("nearest")
    #expect(try loss("bias_correction") < plain)
    let nested = Value.table(ValueTable(items: ["equalization"], fields: ["rounding": .table(ValueTable(items: ["bias_correction"], fields: ["rounding": "gptq"]))]))
    #expect(try loss(nested) < plain)
  }
}
