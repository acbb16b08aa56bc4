import Compression
import Graph
import OrderedCollections
import Support
import Tensor
import Testing
import Training

@Suite struct StatisticsTests {
  let model: Model
  let data: Dataset
  init() throws {
    model = try Fixture.model(seed: 4)
    data = try Fixture.data()
  }

  private func close(_ a: Tensor, _ b: [Double], _ tolerance: Double = 1e-4) throws {
    let values = try a.scalars()
    try #require(values.count == b.count)
    let scale = max(1e-3, b.map(abs).max() ?? 0)
    for (index, (x, y)) in zip(values, b).enumerated() { #expect(abs(x - y) <= tolerance * scale, "element \(index): \(x) and \(y)") }
  }

  @Test func undeclaredIsAnError() throws {
    let layer = try #require(try model.layerViews(declared: [.input]).first)
    for (read, name, need) in [
      ({ _ = try layer.gradient }, "gradient", "gradient"), ({ _ = try layer.gradientSquared }, "gradient_sq", "gradientSquared"),
      ({ _ = try layer.gradientAbsolute }, "gradient_abs", "gradientAbsolute"),
      ({ _ = try layer.activation }, "activation", "activation"),
    ] as [(() throws -> Void, String, String)] {
      let error = try #require(throws: PareError.self) { try read() }
      #expect(error.code == .undeclared)
      #expect(error.layer == "conv")
      #expect(error.description.contains("needs={\"\(name)\"} in Lua, [.\(need)] in Swift"), "\(error)")
    }
    let context = try Context(model, data: data)
    let input = try #require(try context.statistics(of: model, needs: .input, samples: 8).first).input
    let error = try #require(throws: PareError.self) { try input.hessian }
    #expect(error.code == .undeclared)
  }

  @Test func viewsShowTheWeight() throws {
    let views = try model.layerViews()
    #expect(views.map(\.name) == ["conv", "fc"])
    #expect(views[0].weight.shape.dimensions == [4, 1, 3, 3])
    #expect(views[1].weight.shape.dimensions == [3, 64])
    #expect(views[1].bias?.shape.dimensions == [3])
    let missing = try #require(throws: PareError.self) { try model.layerViews(["cnv"]) }
    #expect(missing.code == .notFound)
    let weightless = try #require(throws: PareError.self) { try model.layerViews(["relu"]) }
    #expect(weightless.code == .unsupported)
    #expect(weightless.layer == "relu")
  }

  /// A linear layer stored as `[in, out]` shows `[out, in]` and goes back.
  @Test func transposedWeights() throws {
    var other = model
    let weight = try #require(model.parameters["fc.weight"]).value.dense()
    other.parameters["fc.weight"] = Parameter("fc.weight", try weight.transposed(0, 1).contiguous())
    other.nodes[3].attributes["transB"] = .int(0)
    let layer = try other.layerViews()[1]
    #expect(layer.isTransposed)
    #expect(try layer.weight.scalars() == weight.scalars())
    #expect(try layer.stored(layer.weight).scalars() == other.parameters["fc.weight"]?.value.dense().scalars())
    let context = try Context(other, data: data), plain = try Context(model, data: data)
    let a = try context.statistics(of: other, needs: .gradient, samples: 16)[1].gradient
    let b = try plain.statistics(of: model, needs: .gradient, samples: 16)[1].gradient
    try close(a, b.scalars())
  }

  @Test func gradientsEqualFiniteDifferences() throws {
    let context = try Context(model, data: data)
    let layers = try context.statistics(of: model, needs: [.gradient, .gradientSquared, .gradientAbsolute], samples: 12)
    let batches = try context.calibrationBatches(12, size: 1)
    #expect(batches.count == 12)
    func loss(_ model: Model, _ batch: Batch) throws -> Double {
      try model(batch.x).converted(to: .f64).crossEntropy(labels: batch.y).item()
    }
    for (layer, element) in [(layers[0], 5), (layers[0], 30), (layers[1], 0), (layers[1], 150)] {
      let weight = try #require(model.parameters[layer.weightName]).value.dense().values(as: Float.self)
      func moved(_ step: Float) throws -> Model {
        var values = weight
        values[element] += step
        return try model.with([layer.weightName: Tensor(values, shape: layer.weight.shape)])
      }
      // Small, so that hardly a sample crosses the kink of the activation.
      let step: Float = 1 / 2048
      let up = try moved(step), down = try moved(-step)
      let slopes = try batches.map { try (loss(up, $0) - loss(down, $0)) / Double(2 * step) }
      let mean = slopes.reduce(0, +) / 12, squares = slopes.reduce(0) { $0 + $1 * $1 } / 12
      let sizes = slopes.reduce(0) { $0 + abs($1) } / 12
      #expect(abs(try layer.gradient.scalars()[element] - mean) < 2e-3)
      #expect(abs(try layer.gradientSquared.scalars()[element] - squares) < 4e-3)
      #expect(abs(try layer.gradientAbsolute.scalars()[element] - sizes) < 2e-3)
    }
  }

  @Test func gradientDoesNotDependOnTheBatch() throws {
    let context = try Context(model, data: data)
    let whole = try context.statistics(of: model, needs: .gradient, samples: 30, batch: 64)
    let parts = try context.statistics(of: model, needs: .gradient, samples: 30, batch: 7)
    for (a, b) in zip(whole, parts) { try close(a.gradient, b.gradient.scalars()) }
  }

  @Test func valuesEqualDirectSums() throws {
    let context = try Context(model, data: data)
    let layers = try context.statistics(of: model, needs: [.activation, .input, .hessian], samples: 20, batch: 6)
    let x = try context.calibrationBatches(20, size: 20)[0].x
    let execution = try Interpreter(model).run(["x": x], taps: ["relu", "flat"])
    let relu = try #require(execution.taps["relu"]).scalars(), flat = try #require(execution.taps["flat"]).scalars()
    // Activation of the convolution: after the activation function, per channel, over 20 samples and 16 positions.
    var mean = [Double](repeating: 0, count: 4), zeros = mean
    for sample in 0..<20 { for channel in 0..<4 { for position in 0..<16 {
      let value = relu[(sample * 4 + channel) * 16 + position]
      mean[channel] += value / 320
      if value == 0 { zeros[channel] += 1.0 / 320 }
    } } }
    try close(layers[0].activation.mean, mean)
    try close(layers[0].activation.meanAbsolute, mean)
    try close(layers[0].activation.zeros, zeros)
    // Input of the linear layer.
    var squares = [Double](repeating: 0, count: 64), outer = [Double](repeating: 0, count: 64 * 64)
    for sample in 0..<20 { for i in 0..<64 {
      let a = flat[sample * 64 + i]
      squares[i] += a * a
      for j in 0..<64 { outer[i * 64 + j] += a * flat[sample * 64 + j] }
    } }
    let linear = try layers[1].input
    #expect(linear.count == 20)
    try close(linear.squareSum, squares)
    #expect(try linear.hessian.shape.dimensions == [64, 64])
    try close(linear.hessian, outer)
    // Input of the convolution, unfolded by hand: 3x3 windows of a 4x4 image padded by 1.
    let pixels = try x.scalars()
    func pixel(_ sample: Int, _ row: Int, _ column: Int) -> Double {
      (0..<4).contains(row) && (0..<4).contains(column) ? pixels[sample * 16 + row * 4 + column] : 0
    }
    var windows = [Double](repeating: 0, count: 81)
    for sample in 0..<20 { for row in 0..<4 { for column in 0..<4 { for a in 0..<9 { for b in 0..<9 {
      windows[a * 9 + b] += pixel(sample, row + a / 3 - 1, column + a % 3 - 1) * pixel(sample, row + b / 3 - 1, column + b % 3 - 1)
    } } } } }
    let conv = try layers[0].input
    try close(conv.squareSum, [pixels.reduce(0) { $0 + $1 * $1 }])
    try close(conv.hessian, windows)
  }

  @Test func samplesDependOnTheSeedAlone() throws {
    let one = try Context(model, data: data, seed: 1), again = try Context(model, data: data, seed: 1)
    _ = one.rng.next()
    #expect(try one.calibrationIndices(10) == again.calibrationIndices(10))
    #expect(try one.calibrationIndices(10) != Context(model, data: data, seed: 2).calibrationIndices(10))
    #expect(try Set(one.calibrationIndices(1000)).count == data.train.count)
    #expect(throws: PareError.self) { try one.calibrationIndices(0) }
    let blind = try Context(model)
    let error = try #require(throws: PareError.self) { try blind.statistics(of: model, needs: .gradient) }
    #expect(error.argument == "data")
    #expect(try blind.statistics(of: model, needs: []).count == 2)
  }
}
