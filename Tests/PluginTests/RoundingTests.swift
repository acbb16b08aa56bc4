import Foundation
import PareKit
import Quantization
import Testing

/// Rounding algorithms and observers against `Tests/Golden/plugins/rounding.py`, which was written from the papers in NumPy.
@Suite struct RoundingTests {
  private struct File: Decodable {
    struct Rounding: Decodable {
      struct Case: Decodable {
        let bits: Int
        let ordered: Bool
        let damping, error, nearest: Double
        let integers: [Int]
      }
      struct Pruned: Decodable {
        let name: String
        let scores, weight: [Double]
      }
      let x, weight: [Double]
      let cases: [Case]
      let pruned: [Pruned]
    }
    struct Observer: Decodable {
      let values: [Double]
      let bits, bins: Int
      let minmax, best, threshold, width: Double
    }
    let rounding: Rounding
    let observers: [Observer]
  }

  private let file: File
  private let layer: LayerView
  private let context: Context

  init() throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Golden/plugins/rounding.json")
    file = try JSONDecoder().decode(File.self, from: Data(contentsOf: url))
    let model = try NN.sequential([NN.linear(inFeatures: 10, outFeatures: 6, name: "fc")], input: [10])
      .with(["fc.weight": Tensor(file.rounding.weight.map(Float.init), shape: [6, 10])])
    let x = try Tensor(file.rounding.x.map(Float.init), shape: [40, 10]), y = try Tensor.zeros([40], .i64)
    func part(_ role: DataPart.Role) throws -> DataPart { try DataPart(role, x: x, y: y) }
    let data = try Dataset(name: "golden", train: part(.train), validation: part(.validation), test: part(.test))
    context = try BuiltIns.context(model, data)
    layer = try #require(try context.statistics(of: model, needs: .hessian, samples: 40).first)
  }

  private func round(_ algorithm: String, _ arguments: [String: Value] = [:], bits: Int, symmetric: Bool = true) throws -> Quantized {
    let algorithm: any QuantizationAlgorithm = try BuiltIns.make(.algorithm, algorithm, arguments)
    return try algorithm.quantize(layer, bits: bits, axis: 0, with: quantizer(symmetric), context)
  }

  private func quantizer(_ symmetric: Bool) throws -> any Quantizer {
    try BuiltIns.make(.quantizer, "uniform", ["symmetric": .boolean(symmetric)])
  }

  /// The squared change of the layer's output over all samples.
  private func error(_ quantized: Quantized, symmetric: Bool = true) throws -> Double {
    try change(quantizer(symmetric).dequantize(quantized, axis: 0))
  }

  @Test func gptqAgreesWithNumPy() throws {
    for test in file.rounding.cases {
      let result = try round("gptq", ["act_order": .boolean(test.ordered), "damping": .number(test.damping)], bits: test.bits)
      #expect(try result.values.values(as: Int64.self).map(Int.init) == test.integers, "\(test.bits) bits")
      #expect(try abs(error(result) - test.error) < 1e-3 * test.error)
      #expect(test.error < test.nearest)
    }
  }

  /// With errors that go nowhere, every weight rounds on its own.
  @Test func gptqOfUncorrelatedInputsRoundsToTheNearest() throws {
    let result = try round("gptq", ["damping": .number(1e9)], bits: 4)
    #expect(try result.values.isEqual(to: quantizer(true).quantize(layer.weight, bits: 4, axis: 0).values))
  }

  /// Optimal Brain Surgeon by layers: which weights go, and what becomes of the others.
  @Test func weightsThatStayMakeUpForThoseThatGo() throws {
    for test in file.rounding.pruned {
      let criterion: any ImportanceCriterion = try BuiltIns.make(.criterion, test.name)
      let scores = try criterion.score(layer, context).scalars(), largest = test.scores.max() ?? 0
      for (own, other) in zip(scores, test.scores) { #expect(abs(own - other) < 1e-4 * largest) }
      let data = try context.data
      let result = try BuiltIns.apply(
        "prune", ["sparsity": 0.5, "criterion": .string(test.name), "physical": false], to: context.input, data: data)
      let weight = try result.weight("fc.weight")
      #expect(try weight.countNonzero() == 30)
      for (own, other) in try zip(weight.floats(), test.weight) { #expect(abs(Double(own) - other) < 1e-4) }
      // Better than leaving them as they are.
      let masked = try layer.weight * weight.ne(0).converted(to: .f32)
      #expect(try change(weight) < 0.8 * change(masked))
      // Again, with a mask there already: what is gone stays gone.
      let more = try BuiltIns.apply("prune", ["sparsity": 0.7, "criterion": .string(test.name), "physical": false], to: result, data: data)
      #expect(try more.weight("fc.weight").countNonzero() == 18)
      #expect(zip(try result.zeros(of: "fc.weight"), try more.zeros(of: "fc.weight")).allSatisfy { !$0 || $1 })
      let pattern = try BuiltIns.apply("prune", ["granularity": "2:4", "criterion": .string(test.name), "physical": false], to: context.input, data: data)
      #expect(try pattern.zeros(of: "fc.weight").count { $0 } == 30)
    }
  }

  /// The squared change of the output that another weight makes.
  private func change(_ weight: Tensor) throws -> Double {
    let change = try (weight - layer.weight).converted(to: .f64)
    return try (change.matmul(layer.input.hessian.converted(to: .f64)) * change).sum().item()
  }

  @Test(arguments: [2, 3, 4], [true, false]) func adaroundBeatsNearest(bits: Int, symmetric: Bool) throws {
    let nearest = try quantizer(symmetric).quantize(layer.weight, bits: bits, axis: 0)
    let result = try round("adaround", bits: bits, symmetric: symmetric)
    #expect(try error(result, symmetric: symmetric) < 0.9 * error(nearest, symmetric: symmetric))
    // One of the two points beside the weight; no further from the nearest than one.
    let apart = try (result.values.converted(to: .f32) - nearest.values.converted(to: .f32)).abs().max().item()
    #expect(apart <= 1)
    let weight = try layer.weight.floats(), back = try quantizer(symmetric).dequantize(result, axis: 0).floats()
    for (w, q) in zip(weight, back) where w == 0 { #expect(q == 0) }
  }

  @Test func stochasticRoundingIsRightInTheMean() throws {
    let nearest = try quantizer(true).quantize(layer.weight, bits: 4, axis: 0)
    let algorithm: any QuantizationAlgorithm = try BuiltIns.make(.algorithm, "stochastic")
    var sum = try Tensor.zeros([6, 10])
    let runs = 400
    for seed in 0..<runs {
      let own = try BuiltIns.context(context.input, context.data, UInt64(seed))
      let result = try algorithm.quantize(layer, bits: 4, axis: 0, with: quantizer(true), own)
      #expect(try result.values.isEqual(to: algorithm.quantize(layer, bits: 4, axis: 0, with: quantizer(true), own).values))
      sum = try sum + quantizer(true).dequantize(result, axis: 0)
    }
    // The deviation of the mean of 400 draws is at most a fortieth of a step; five of them.
    let scale = try nearest.scale.reshaped([6, 1])
    #expect(try ((sum / Double(runs) - layer.weight) / scale).abs().max().item() < 5.0 / 40)
  }

  @Test func algorithmsNeedNoMoreThanTheirData() throws {
    for (name, needs) in [("gptq", Statistics.hessian), ("adaround", .hessian), ("stochastic", [])] {
      let algorithm: any QuantizationAlgorithm = try BuiltIns.make(.algorithm, name)
      #expect(algorithm.needs == needs)
    }
  }

  /// Convolutions with groups and padding, linear layers, and the model as a whole at few bits.
  @Test(arguments: ["gptq", "adaround"]) func networksLoseLess(algorithm: String) throws {
    let data = try Zoo.digits()
    var options = TrainingOptions()
    (options.epochs, options.lr, options.seed) = (3, 0.05, 1)
    let model = try train(Zoo.withBatchNorm(), on: data, options).model
    func loss(_ name: String) throws -> Double {
      let small = try BuiltIns.apply(
        "quantize", ["weights": .table(ValueTable(fields: ["bits": 2])), "algorithm": .string(name)], to: model, data: data)
      return try evaluate(small, on: data.validation).loss
    }
    #expect(try loss(algorithm) < loss("nearest"))
  }

  @Test func movingAverageWeighsBatches() throws {
    let observer: any RangeObserver = try BuiltIns.make(.observer, "moving_average", ["momentum": .number(0.75)])
    var seen = try observer.start()
    for values in [[-1, 2], [-3, 10], [0, 2]] as [[Float]] { try seen.update(Tensor(values, shape: [2])) }
    // low: -1, -1.5, -1.125; high: 2, 4, 3.5
    let range = try seen.range()
    #expect(abs(range.low + 1.125) < 1e-9 && abs(range.high - 3.5) < 1e-9)
    #expect(BuiltIns.code { _ = try observer.start().range() } == .argument)
  }

  private func range(_ observer: String, _ test: File.Observer) throws -> (low: Double, high: Double) {
    let observer: any RangeObserver = try BuiltIns.make(
      .observer, observer, ["bits": .integer(test.bits), "bins": .integer(test.bins)])
    var seen = try observer.start()
    for start in stride(from: 0, to: test.values.count, by: 500) {
      let part = test.values[start..<min(start + 500, test.values.count)]
      try seen.update(Tensor(part.map(Float.init), shape: [part.count]))
    }
    return try seen.range()
  }

  /// The squared error of the affine grid over a range.
  private func error(_ values: [Double], _ range: (low: Double, high: Double), _ bits: Int) -> Double {
    let levels = Double((1 << bits) - 1), step = (range.high - range.low) / levels, zero = (-range.low / step).rounded()
    return values.reduce(0) { sum, value in
      let integer = min(max((value / step).rounded(.toNearestOrEven) + zero, 0), levels)
      return sum + ((integer - zero) * step - value) * ((integer - zero) * step - value)
    } / Double(values.count)
  }

  @Test func leastSquaredErrorIsFound() throws {
    for test in file.observers {
      let found = try range("mse", test)
      #expect(found.low <= 0 && found.high > 0)
      #expect(error(test.values, found, test.bits) <= 1.05 * test.best, "\(test.bits) bits")
      #expect(test.best <= test.minmax)
    }
  }

  @Test func entropyAgreesWithNumPy() throws {
    for test in file.observers {
      let found = try range("entropy", test)
      let lowest = test.values.min() ?? 0, highest = test.values.max() ?? 0
      #expect(abs(found.high - min(highest, test.threshold)) <= 1e-6 * test.threshold)
      #expect(abs(found.low - max(lowest, -test.threshold)) <= 1e-6 * test.threshold)
    }
  }
}
