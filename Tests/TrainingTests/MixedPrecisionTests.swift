import Graph
import Support
import Tensor
import Testing
import Training

/// Mixed precision against PyTorch's autocast and GradScaler (Tests/Golden/training/autocast.json).
@Suite struct MixedPrecisionTests {
  struct Golden: Decodable {
    struct Run: Decodable { let losses, scales: [Double] }
    struct Scaling: Decodable {
      struct Change: Decodable {
        let step: Int
        let scale: Double
      }
      let runs: [[Int]]
      let first: Double
      let changes: [Change]
    }
    let f32, bf16, f16: Run
    let scaling: Scaling
  }

  /// The network and start values of generate.py's `Small`.
  private func network() throws -> Model {
    let model = try NN.sequential([
      NN.conv2d(inChannels: 1, outChannels: 8, kernel: [3, 3], padding: [1, 1], name: "conv1"),
      NN.batchnorm2d(channels: 8, name: "bn1"), NN.relu(), NN.maxpool2d(kernel: [2, 2]),
      NN.conv2d(inChannels: 8, outChannels: 8, kernel: [3, 3], padding: [1, 1], name: "conv2"), NN.relu(), NN.flatten(),
      NN.linear(inFeatures: 128, outFeatures: 32, name: "fc1"), NN.relu(), NN.linear(inFeatures: 32, outFeatures: 10, name: "fc2"),
    ], input: [1, 8, 8])
    var values: [String: Tensor] = [:]
    for (name, parameter) in model.parameters where !name.contains("running") {
      let shape = parameter.shape.dimensions
      let scale = (shape.count == 4 ? 6 : 1.5) / Double(shape.dropFirst().reduce(1, *))
      let isWeight = name.hasSuffix("weight")
      let noise = Noise.values(name, parameter.shape.count).map { value in
        if name.hasPrefix("bn1") { return value * 0.125 + (isWeight ? 1 : 0) }
        return shape.count > 1 ? value * scale.squareRoot() : value * 0.0625
      }
      values[name] = try Tensor(noise.map { Float($0) }, shape: parameter.shape)
    }
    return try model.with(values)
  }

  /// The two batches of generate.py that take turns, as one data set in file order.
  private func data() throws -> Dataset {
    var x: [Float] = [], y: [Int64] = []
    let patterns = Noise.values("small.patterns", 10 * 64)
    for step in 0..<2 {
      let labels = Noise.words("small.labels.\(step)", 16).map { Int64($0 % 10) }
      let noise = Noise.values("small.images.\(step)", 16 * 64)
      x += noise.indices.map { Float(noise[$0] + patterns[Int(labels[$0 / 64]) * 64 + $0 % 64]) }
      y += labels
    }
    let part = try DataPart(.train, x: Tensor(x, shape: [32, 1, 8, 8]), y: Tensor(y, shape: [32]))
    return try Dataset(
      name: "golden", train: part, validation: DataPart(.validation, part.source), test: DataPart(.test, part.source))
  }

  private func options(_ precision: String) -> TrainingOptions {
    var options = TrainingOptions()
    options.epochs = 5
    options.batch = 16
    options.shuffle = false
    options.schedule = "constant"
    options.precision = precision
    options.validates = false
    return options
  }

  private func losses(_ precision: String, keep: [String] = []) throws -> [Double] {
    var losses: [Double] = []
    var options = options(precision)
    options.keepF32 = keep
    _ = try train(network(), on: data(), options, callbacks: [TrainingCallbacks(onStep: { losses.append(try #require($0.loss)) })])
    return losses
  }

  @Test func tenLossesAsPyTorch() throws {
    let golden = try golden("autocast.json", as: Golden.self)
    let exact = try losses("f32")
    expectClose(exact, golden.f32.losses, relative: 1e-4, "f32")
    // Steps of bf16 are 2^-8, of f16 2^-11; over ten steps the roundings of both programs go their own ways a little.
    let (bf16, f16) = (try losses("bf16"), try losses("f16"))
    expectClose(bf16, golden.bf16.losses, relative: 5e-3, "bf16")
    expectClose(f16, golden.f16.losses, relative: 2e-3, "f16")
    // The first loss has only seen one forward pass: much closer, and not that of f32.
    expectClose([bf16[0]], [golden.bf16.losses[0]], relative: 2e-4, "first bf16")
    expectClose([f16[0]], [golden.f16.losses[0]], relative: 2e-5, "first f16")
    #expect(bf16 != exact && f16 != exact && bf16 != f16)
  }

  @Test func layersMayStayInF32() throws {
    let exact = try losses("f32")
    #expect(try losses("bf16", keep: ["conv1", "conv2", "fc1", "fc2"]) == exact)
    let some = try losses("bf16", keep: ["fc2"])
    #expect(try some != exact && some != losses("bf16"))
  }

  @Test func policyOfTypes() throws {
    let model = try network()
    let interpreter = try Interpreter(model)
    let x = try Noise.tensor("types", [2, 1, 8, 8])
    let autocast = try Autocast(.bf16, in: model)
    let run = try interpreter.run([model.inputs[0].name: x], taps: ["conv1", "bn1"], autocast: autocast)
    #expect(run.outputs.values.allSatisfy { $0.dtype == .f32 } && run.taps.values.allSatisfy { $0.dtype == .f32 })
    // What a convolution gives is rounded to bf16; a batch-norm's result is not.
    func isRounded(_ t: Tensor) throws -> Bool {
      try t.values(as: Float.self).allSatisfy { $0.bitPattern & 0xFFFF == 0 }
    }
    #expect(try isRounded(#require(run.taps["conv1"])) && !isRounded(#require(run.taps["bn1"])))
    // Operands rounded, accumulated exactly, rounded.
    let weight = try model.parameter(named: "conv1.weight").value.dense().converted(to: .bf16).converted(to: .f64)
    let bias = try model.parameter(named: "conv1.bias").value.dense().converted(to: .bf16).converted(to: .f64)
    let own = try x.converted(to: .bf16).converted(to: .f64).conv(weight: weight, bias: bias, padding: [1]).converted(to: .bf16)
    #expect(try own.converted(to: .f32).isClose(to: #require(run.taps["conv1"]), absolute: 1e-6, relative: 0x1p-7))
    #expect(pareError { _ = try Autocast(.f32, in: model) }?.argument == "precision")
    #expect(pareError { _ = try Autocast(.f16, keeping: ["conv3"], in: model) }?.suggestion != nil)
    let (all, some) = (try Autocast(.f16, in: model), try Autocast(.f16, keeping: ["conv1"], in: model))
    #expect(all != some)
  }

  @Test func parametersAndTheirGradientsStayF32() throws {
    let look = TrainingCallbacks(beforeOptimizer: { state in
      #expect(state.gradients.values.allSatisfy { $0.dtype == .f32 })
      let weight = try state.model.parameter(named: "conv1.weight").value.dense()
      #expect(weight.dtype == .f32)
      #expect(state.lossScale == 65536)
    })
    let model = try train(network(), on: data(), options("f16"), callbacks: [look]).model
    // Updates smaller than f16's step survive in the master weights.
    let values = try model.parameter(named: "fc1.weight").value.dense()
    #expect(try !values.converted(to: .f16).converted(to: .f32).isEqual(to: values))
  }

  @Test func scaleFollowsGradScaler() throws {
    let golden = try golden("autocast.json", as: Golden.self).scaling
    var scaler = LossScaler()
    var scales: [Double] = []
    for run in golden.runs {
      for _ in 0..<run[1] {
        try scaler.update(finite: run[0] == 1)
        scales.append(scaler.scale)
      }
    }
    #expect(scales.first == golden.first)
    let changes = scales.indices.dropFirst().filter { scales[$0] != scales[$0 - 1] }
    #expect(changes == golden.changes.map(\.step) && changes.map { scales[$0] } == golden.changes.map(\.scale))
    #expect(scaler.skipped == 3)
    #expect(LossScaler(text: scaler.text) == scaler)
    for wrong in ["", "0 0 0", "nan 0 0", "65536 2000 0", "65536 -1 0", "1 1"] { #expect(LossScaler(text: wrong) == nil) }
    let error = pareError { for _ in 0..<100 { try scaler.update(finite: false) } }
    #expect(error?.code == .notReached && error?.argument == "precision")
  }

  @Test func overflowingStepsAreLeftOut() throws {
    // A loss of this size overflows at scale 2^16 in f32 already; half a dozen halvings later it does not.
    var options = options("f16")
    options.loss = TrainingLoss { execution, batch in
      try Loss.crossEntropy(execution.output(), batch.labels()) * 1e33
    }
    options.lr = 1e-36
    var before = try network().bits(), skipped = 0, moved = 0
    let watch = TrainingCallbacks(onStep: { state in
      let now = try state.model.bits().filter { !$0.key.contains("running") }
      if state.skippedSteps > skipped {
        #expect(now == before)
        skipped = state.skippedSteps
      } else {
        moved += 1
        #expect(now != before)
      }
      before = now
    })
    before = before.filter { !$0.key.contains("running") }
    let (_, history) = try train(network(), on: data(), options, callbacks: [watch])
    #expect(skipped > 0 && moved > 0 && skipped + moved == 10)
    #expect(history.reduce(0) { $0 + $1.skippedSteps } == skipped)
  }
}
