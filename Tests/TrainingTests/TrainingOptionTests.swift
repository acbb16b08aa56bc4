import Foundation
import Formats
import Graph
import Support
import Tensor
import Testing
import Training

/// Accumulation, averaged weights, early stop, order of samples, the log.
@Suite struct TrainingOptionTests {
  private func options(_ change: (inout TrainingOptions) -> Void = { _ in }) -> TrainingOptions {
    var options = TrainingOptions()
    options.epochs = 2
    options.batch = 15
    change(&options)
    return options
  }

  /// Without batch-norm and dropout the mean over micro-batches of equal size is the mean over all samples.
  private func plainNet() throws -> Model {
    try NN.sequential([NN.flatten(), NN.linear(inFeatures: 64, outFeatures: 10, name: "fc")], input: [1, 8, 8])
  }

  @Test func accumulatedBatchesAreOneLargeBatch() throws {
    // 90 samples: six batches of 15, two steps of three.
    var rates: [Double] = [], steps: [Int] = []
    let watch = TrainingCallbacks(onStep: { state in
      rates.append(state.optimizer.learningRate)
      steps.append(state.steps)
    })
    let small = try train(plainNet(), on: smallData(), options { $0.accumulate = 3 }, callbacks: [watch])
    let large = try train(plainNet(), on: smallData(), options { $0.batch = 45 })
    for (name, parameter) in large.model.parameters {
      let (a, b) = (try small.model.parameter(named: name).value.dense(), try parameter.value.dense())
      #expect(try a.isClose(to: b, absolute: 1e-6), "\(name)")
    }
    expectClose(small.history.map(\.loss), large.history.map(\.loss), relative: 1e-5)
    // The schedule counts steps: cosine over four.
    #expect(steps == [4, 4, 4, 4])
    expectClose(rates, (0..<4).map { 0.05 * LearningRateSchedule.cosine.factor(step: $0, of: 4) }, relative: 1e-12)
    // A last step of fewer batches.
    var count = 0
    _ = try train(plainNet(), on: smallData(), options { $0.accumulate = 4 }, callbacks: [TrainingCallbacks(onStep: { _ in count += 1 })])
    #expect(count == 4)
  }

  @Test func averagedWeights() throws {
    let data = try smallData()
    var raw: [[String: [Double]]] = []
    let watch = TrainingCallbacks(onStep: { state in
      raw.append(try state.model.parameters.mapValues { try $0.value.dense().scalars() }.reduce(into: [:]) { $0[$1.key] = $1.value })
    })
    let start = try smallNet()
    let (model, history) = try train(start, on: data, options { $0.ema = 0.9 }, callbacks: [watch])
    for name in ["conv.weight", "fc.bias", "bn.running_mean", "bn.running_var"] {
      var average = try start.parameter(named: name).value.dense().scalars()
      for (step, values) in raw.enumerated() {
        let decay = min(0.9, Double(2 + step) / Double(11 + step))
        average = zip(average, values[name] ?? []).map { decay * $0 + (1 - decay) * $1 }
      }
      expectClose(try model.parameter(named: name).value.dense().scalars(), average, absolute: 1e-6, relative: 1e-5, name)
    }
    // Validation saw the averaged weights.
    #expect(try history.last?.validationLoss == evaluate(model, on: data.validation).loss)
    // The training itself is the same.
    let plain = try train(start, on: data, options())
    #expect(plain.history.map(\.loss) == history.map(\.loss))
  }

  @Test func masksHoldUnderAnAverage() throws {
    var model = try smallNet()
    let weight = try model.parameter(named: "fc.weight").value.dense()
    let mask = try weight.gt(0)
    model.parameters["fc.weight"]?.value = try MaskedRepresentation(weight, mask: mask)
    let after = try train(model, on: smallData(), options { $0.ema = 0.99 }).model
    for (kept, value) in zip(try mask.values(as: Bool.self), try after.parameter(named: "fc.weight").value.dense().values(as: Float.self)) {
      #expect(kept || value == 0)
    }
  }

  @Test func fileOrderWithoutShuffling() throws {
    var seen: [Tensor] = []
    let data = try smallData()
    _ = try train(plainNet(), on: data, options { $0.shuffle = false }, callbacks: [
      TrainingCallbacks(onStep: { seen.append(try #require($0.batch).x) })
    ])
    for (step, x) in seen.enumerated() {
      #expect(try x.isEqual(to: data.train.batch(Array((step % 6) * 15..<(step % 6) * 15 + 15)).x))
    }
    #expect(seen.count == 12)
  }

  @Test(arguments: [EarlyStop.Metric.loss, .accuracy])
  func earlyStopRestoresTheBestEpoch(metric: EarlyStop.Metric) throws {
    // Noise has nothing to learn: validation soon gets worse.
    let x = try Noise.tensor("stop.x", [60, 1, 8, 8]), y = try Tensor(Noise.words("stop.y", 60).map { Int64($0 % 10) }, shape: [60])
    let data = try Dataset(
      name: "noise", train: DataPart(.train, x: x, y: y), validation: DataPart(.validation, x: x * -1, y: y),
      test: DataPart(.test, x: x, y: y))
    var stop = EarlyStop()
    stop.metric = metric
    stop.patience = 3
    var models: [Model] = []
    let keep = TrainingCallbacks(onEpoch: { models.append($0.model) })
    let (model, history) = try train(smallNet(), on: data, options {
      $0.epochs = 40
      $0.earlyStop = stop
      $0.schedule = "constant"
    }, callbacks: [keep])
    #expect(history.count < 40)
    let values = try history.map { try metric == .loss ? -#require($0.validationLoss) : #require($0.validationAccuracy) }
    let best = try #require(values.indices.max { values[$0] < values[$1] || values[$0] == values[$1] && $0 > $1 })
    #expect(history.count == best + 1 + 3)
    #expect(try model.bits() == models[best].bits())
    stop.restoresBest = false
    let last = try train(smallNet(), on: data, options {
      $0.epochs = 40
      $0.earlyStop = stop
      $0.schedule = "constant"
    })
    #expect(try last.history.count == history.count && last.model.bits() == models[history.count - 1].bits())
    let none = try Dataset(name: "none", train: data.train, validation: data.validation.take(0), test: data.test)
    #expect(pareError { _ = try train(smallNet(), on: none, options { $0.earlyStop = stop }) }?.argument == "early_stop")
  }

  @Test func labelSmoothingChangesTheLoss() throws {
    func loss(_ smoothing: Double) throws -> Double {
      try #require(train(plainNet(), on: smallData(), options {
        $0.epochs = 1
        $0.batch = 90
        $0.loss = .crossEntropy(smoothing: smoothing)
      }).history.first).loss
    }
    let data = try smallData()
    let batch = try data.train.all()
    let logits = try plainNet()(batch.x)
    let share = try batch.labels().oneHot(classes: 10, dtype: .f32) * 0.9 + 0.01
    let expected = try -(logits.logSoftmax(axis: -1) * share).sum().item() / 90
    expectClose([try loss(0.1)], [expected], relative: 1e-5)
    #expect(try loss(0) != loss(0.1))
    // The same by shares that say so.
    let own = try Loss.crossEntropy(logits, shares: batch.labels().oneHot(classes: 10, dtype: .f32), smoothing: 0.1)
    expectClose([try own.item()], [expected], relative: 1e-5)
  }

  @Test func segmentationTrains() throws {
    // Each pixel's class is whether it is bright.
    let x = try Noise.tensor("map.x", [40, 1, 6, 6])
    let y = try x.gt(0).converted(to: .i64).reshaped([40, 6, 6])
    let data = try Dataset(
      name: "maps", train: DataPart(.train, x: x, y: y), validation: DataPart(.validation, x: x, y: y), test: DataPart(.test, x: x, y: y))
    let net = try NN.sequential([NN.conv2d(inChannels: 1, outChannels: 2, kernel: [1, 1], name: "conv")], input: [1, 6, 6])
    let (model, history) = try train(net, on: data, options {
      $0.epochs = 20
      $0.lr = 0.5
    })
    let last = try #require(history.last)
    #expect(try #require(last.accuracy) > 0.9 && #require(last.validationAccuracy) > 0.95)
    #expect(try evaluate(model, on: data.test).accuracy > 0.95)
    #expect(try evaluate(model, on: data.test).confusion.joined().reduce(0, +) == 40 * 36)
  }

  @Test func errorsOfSamplesPassTheThread() throws {
    struct Broken: SampleSource {
      struct Own: Error {}
      var count: Int { 90 }
      var isPrefetchable: Bool { true }
      let good: any SampleSource
      func batch(_ indices: [Int]) throws -> Batch {
        if indices.contains(17) && indices.count > 1 { throw Own() }
        return try good.batch(indices)
      }
    }
    let good = try smallData()
    let data = try Dataset(
      name: "broken", train: DataPart(.train, Broken(good: good.train.source)), validation: good.validation, test: good.test)
    #expect(throws: Broken.Own.self) { try train(smallNet(), on: data, options()) }
  }

  @Test func logHasALineForEachEpoch() throws {
    struct Line: Decodable {
      let epoch: Int, lr, loss, accuracy, validation_loss, validation_accuracy, cpu_seconds: Double, skipped_steps: Int
    }
    try withFolder { folder in
      let (log, state) = ("\(folder)/log.jsonl", "\(folder)/state")
      func lines() throws -> [Line] {
        try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map {
          try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
      }
      let whole = try train(smallNet(), on: smallData(), options {
        $0.epochs = 3
        $0.log = log
      })
      let first = try lines()
      #expect(first.map(\.epoch) == [1, 2, 3])
      #expect(first.map(\.loss) == whole.history.map(\.loss) && first.map(\.validation_loss) == whole.history.map(\.validationLoss))
      #expect(first[0].cpu_seconds > 0 && first[2].cpu_seconds >= first[0].cpu_seconds)
      // Stopped within the third epoch: the resumed run leaves the same lines, and its time goes on.
      struct Stopped: Error {}
      #expect(throws: Stopped.self) {
        try train(smallNet(), on: smallData(), options {
          $0.epochs = 3
          $0.log = log
          $0.checkpoint = state
          $0.checkpointSteps = 1
        }, callbacks: [TrainingCallbacks(onStep: { if $0.step == 14 { throw Stopped() } })])
      }
      let second = try #require(lines().last)
      _ = try train(smallNet(), on: smallData(), options {
        $0.epochs = 3
        $0.log = log
        $0.resume = state
      })
      let all = try lines()
      #expect(all.map(\.loss) == first.map(\.loss) && all[1].cpu_seconds == second.cpu_seconds)
      #expect(all[2].cpu_seconds > second.cpu_seconds)
    }
  }
}
