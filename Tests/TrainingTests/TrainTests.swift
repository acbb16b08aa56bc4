import Foundation
import Graph
import Support
import Tensor
import Testing
import Training

/// Whole trainings against PyTorch: the first ten losses from equal weights and batches.
@Suite struct GoldenTrainingTests {
  struct Golden: Decodable {
    struct Net: Decodable { let losses, running_mean, running_var: [Double] }
    let lenet5, resnet20: Net
  }

  /// The start values of generate.py's `initial`.
  private func initialized(_ model: Model) throws -> Model {
    var values: [String: Tensor] = [:]
    let normalizations = Set(model.parameters.keys.filter { $0.hasSuffix("running_mean") }.map { $0.dropLast("running_mean".count) })
    for (name, parameter) in model.parameters {
      let shape = parameter.shape.dimensions
      let last = name.split(separator: ".").last.map(String.init) ?? ""
      guard ["weight", "bias", "running_mean", "running_var"].contains(last) else { continue }
      let noise = Noise.values(name, parameter.shape.count)
      let value: [Double] = switch last {
      case "running_mean": noise.map { _ in 0 }
      case "running_var": noise.map { _ in 1 }
      case _ where normalizations.contains(name.dropLast(last.count)):
        noise.map { $0 * 0.125 + (last == "weight" ? 1 : 0) }
      case _ where shape.count > 1:
        noise.map { $0 * ((shape.count == 4 ? 6.0 : 1.5) / Double(shape.dropFirst().reduce(1, *))).squareRoot() }
      default: noise.map { $0 * 0.0625 }
      }
      values[name] = try Tensor(value.map { Float($0) }, shape: parameter.shape)
    }
    return try model.with(values)
  }

  /// The two batches that take turns, as generate.py's `batch` makes them.
  private func batch(_ net: String, _ step: Int, _ shape: [Int]) throws -> (x: [Float], y: [Int64]) {
    let labels = Noise.words("\(net).labels.\(step)", 16).map { Int64($0 % 10) }
    let size = shape.reduce(1, *)
    let patterns = Noise.values("\(net).patterns", 10 * size), noise = Noise.values("\(net).images.\(step)", 16 * size)
    return (noise.indices.map { Float(noise[$0] + patterns[Int(labels[$0 / size]) * size + $0 % size]) }, labels)
  }

  @Test(arguments: ["lenet5", "resnet20"])
  func tenLossesAsPyTorch(net: String) throws {
    let file = try golden("losses.json", as: Golden.self)
    let expected = net == "lenet5" ? file.lenet5 : file.resnet20
    let shape = net == "lenet5" ? [1, 28, 28] : [3, 32, 32]
    let model = try initialized(net == "lenet5" ? NN.lenet5() : NN.resnet(depth: 20))
    let batches = try [0, 1].map { try batch(net, $0, shape) }

    // Ten batches in turn, fed through the loop's own steps.
    var tracked = model, statistics: [String: Tensor] = [:]
    var optimizer = SGD(learningRate: 0.005, momentum: 0.9)
    var losses: [Double] = []
    for step in 0..<10 {
      let x = try Tensor(batches[step % 2].x, shape: Shape([16] + shape))
      let y = try Tensor(batches[step % 2].y, shape: [16])
      let (loss, found) = try gradients(of: tracked, training: true) { model in
        let execution = try model.run([model.model.inputs[0].name: x])
        statistics = execution.statistics
        return try Loss.crossEntropy(execution.output(), y)
      }
      losses.append(try loss.item())
      tracked = try optimizer.step(tracked, found).with(statistics)
    }
    expectClose(losses, expected.losses, relative: 1e-3, "losses of \(net)")
    if net == "resnet20" {
      expectClose(try tracked.parameter(named: "bn1.running_mean").value.dense().scalars(), expected.running_mean,
                  absolute: 1e-3, "running mean")
      expectClose(try tracked.parameter(named: "bn1.running_var").value.dense().scalars(), expected.running_var,
                  relative: 1e-3, "running variance")
    }
  }

  @Test(arguments: ["lenet5", "resnet20"])
  func trainStartsFromTheSameLoss(net: String) throws {
    // The loop shuffles: one batch of everything differs from PyTorch's in the order of its sums alone.
    let file = try golden("losses.json", as: Golden.self)
    let expected = net == "lenet5" ? file.lenet5 : file.resnet20
    let shape = net == "lenet5" ? [1, 28, 28] : [3, 32, 32]
    let model = try initialized(net == "lenet5" ? NN.lenet5() : NN.resnet(depth: 20))
    let (x, y) = try batch(net, 0, shape)
    let part = try DataPart(.train, x: Tensor(x, shape: Shape([16] + shape)), y: Tensor(y, shape: [16]))
    let data = try Dataset(
      name: "golden", train: part, validation: DataPart(.validation, part.source), test: DataPart(.test, part.source))
    var options = TrainingOptions()
    options.lr = 0.005
    options.schedule = "constant"
    options.validates = false
    let history = try train(model, on: data, options).history
    expectClose(history.map(\.loss), [expected.losses[0]], relative: 1e-4, "first loss")
  }
}

/// The demo's network: conv 1-32, conv 32-64, pooling, two linear layers; 151 thousand parameters.
@Suite struct DigitsTests {
  private func network(seed: UInt64) throws -> Model {
    try NN.sequential([
      NN.conv2d(inChannels: 1, outChannels: 32, kernel: [3, 3], padding: [1, 1]), NN.relu(),
      NN.conv2d(inChannels: 32, outChannels: 64, kernel: [3, 3], padding: [1, 1]), NN.relu(),
      NN.maxpool2d(kernel: [2, 2]), NN.flatten(),
      NN.linear(inFeatures: 1024, outFeatures: 128), NN.relu(), NN.linear(inFeatures: 128, outFeatures: 10),
    ], input: [1, 8, 8], seed: seed)
  }

  @Test func threeSeedsReach97Percent() throws {
    let data = try Dataset.load("digits")
    let accuracies = try [1, 2, 3].map { (seed: UInt64) in
      var options = TrainingOptions()
      options.epochs = 10
      options.seed = seed
      return try evaluate(train(network(seed: seed), on: data, options).model, on: data.test).accuracy
    }
    #expect(accuracies.reduce(0, +) / 3 >= 0.97, "\(accuracies)")
  }
}

@Suite struct TrainTests {
  private func options(_ change: (inout TrainingOptions) -> Void = { _ in }) -> TrainingOptions {
    var options = TrainingOptions()
    options.epochs = 2
    options.batch = 16
    change(&options)
    return options
  }

  @Test(arguments: ["sgd", "adam", "adamw"])
  func learns(optimizer: String) throws {
    let data = try smallData(size: 400)
    let (model, history) = try train(smallNet(), on: data, options {
      $0.epochs = 4
      $0.optimizer = optimizer
      if optimizer != "sgd" { $0.lr = 0.01 }
    })
    #expect(history.map(\.epoch) == [1, 2, 3, 4])
    let losses = history.map(\.loss)
    #expect(losses[3] < losses[0] / 2, "\(losses)")
    let test = try evaluate(model, on: data.test)
    #expect(test.accuracy > 0.9)
    let last = try #require(history.last)
    let validation = try evaluate(model, on: data.validation)
    #expect(last.validationLoss == validation.loss && last.validationAccuracy == validation.accuracy)
    #expect(model.normalization == data.normalization)
  }

  @Test func sameSeedSameBits() throws {
    let data = try smallData()
    func bits(_ seed: UInt64) throws -> [String: [UInt32]] {
      try train(smallNet(), on: data, options { $0.seed = seed }).model.bits()
    }
    #expect(try bits(1) == bits(1))
    #expect(try bits(1) != bits(2))
  }

  @Test func inputSizesComeFromTheData() throws {
    let model = try smallNet(input: nil)
    #expect(!model.hasInputShape)
    let trained = try train(model, on: smallData(), options()).model
    #expect(trained.hasInputShape && trained.inputs[0].type.shape?.dropFirst().map(\.value) == [1, 8, 8])
  }

  @Test func runningStatisticsFollow() throws {
    let before = try smallNet()
    let after = try train(before, on: smallData(), options()).model
    for name in ["bn.running_mean", "bn.running_var"] {
      #expect(try before.parameter(named: name).value.dense().scalars() != after.parameter(named: name).value.dense().scalars())
    }
    #expect(after.parameters.values.filter { !$0.isTrainable }.count == before.parameters.values.filter { !$0.isTrainable }.count)
  }

  @Test(arguments: [("sgd", 0.1), ("adam", 0.1), ("adamw", 0.1), ("sgd", 0)])
  func masksStayInForce(optimizer: String, decay: Double) throws {
    var model = try smallNet()
    let weight = try model.parameter(named: "fc.weight").value.dense()
    let mask = try Noise.tensor("mask", weight.shape.dimensions).gt(0)
    model.parameters["fc.weight"]?.value = try MaskedRepresentation(weight, mask: mask)
    let after = try train(model, on: smallData(), options {
      $0.optimizer = optimizer
      $0.weightDecay = decay
    }).model
    let parameter = try after.parameter(named: "fc.weight").value
    #expect(parameter is MaskedRepresentation)
    for (kept, value) in zip(try mask.values(as: Bool.self), try parameter.dense().values(as: Float.self)) {
      #expect(kept || value == 0)
    }
    let kept = try mask.values(as: Bool.self).filter { $0 }.count
    #expect(parameter.nonzeros == kept)
  }

  @Test(arguments: [false, true])
  func integersLearnOnTheirGrid(watched: Bool) throws {
    // Steps much smaller than the grid: they count only if the leaf outlives every look at the model.
    var model = try smallNet()
    let weight = try model.parameter(named: "fc.weight").value.dense()
    let scales = try Tensor([0.02] as [Float], shape: [])
    model.parameters["fc.weight"]?.value = try IntegerRepresentation.quantizing(weight, scales: scales)
    var looks = TrainingCallbacks()
    looks.onStep = { state in
      let replacement = state.model
      state.model = replacement
    }
    let after = try train(model, on: smallData(), options {
      $0.epochs = 4
      $0.lr = 0.01
    }, callbacks: watched ? [looks] : []).model
    let value = try after.parameter(named: "fc.weight").value
    #expect(value is IntegerRepresentation)
    for value in try value.dense().values(as: Float.self) { #expect(abs((value / 0.02).rounded() * 0.02 - value) < 1e-6) }
    #expect(try value.dense().scalars() != model.parameter(named: "fc.weight").value.dense().scalars())
    let plain = try train(model, on: smallData(), options {
      $0.epochs = 4
      $0.lr = 0.01
    }).model
    #expect(try plain.bits() == after.bits())
  }

  @Test func clippingBoundsTheStep() throws {
    func moved(_ clip: Double?) throws -> Double {
      let before = try smallNet()
      let after = try train(before, on: smallData(), options {
        $0.epochs = 1
        $0.batch = 128
        $0.momentum = 0
        $0.lr = 1
        $0.clip = clip
        $0.schedule = "constant"
      }).model
      var sum = 0.0
      for (name, parameter) in before.parameters where parameter.isTrainable {
        let change = try after.parameter(named: name).value.dense() - parameter.value.dense()
        sum += try (change * change).sum().item()
      }
      return sum.squareRoot()
    }
    #expect(try abs(moved(0.01) - 0.01) < 1e-5)
    let free = try moved(nil)
    #expect(free > 0.1)
    #expect(try abs(moved(free * 2) - free) < 1e-6)
  }

  @Test func lossOfTapsAndRegression() throws {
    let x = try Noise.tensor("regression.x", [64, 3])
    let y = try x.matmul(Noise.tensor("regression.w", [3, 2]))
    let data = try Dataset(
      name: "line", train: DataPart(.train, x: x, y: y), validation: DataPart(.validation, x: x, y: y),
      test: DataPart(.test, x: x, y: y))
    let net = try NN.sequential([NN.linear(inFeatures: 3, outFeatures: 2, name: "fc"), NN.identity(name: "end")], input: [3])
    var options = options { $0.epochs = 40 }
    options.loss = .mse()
    let (model, history) = try train(net, on: data, options)
    let last = try #require(history.last)
    #expect(last.loss < 1e-4 && last.accuracy == nil && last.validationAccuracy == nil)
    #expect(try #require(last.validationLoss) < 1e-4)
    options.epochs = 2
    options.loss = TrainingLoss(taps: ["fc"]) { execution, batch in
      try Loss.mse(#require(execution.taps["fc"]), batch.y)
    }
    #expect(try train(model, on: data, options).history.count == 2)
  }

  @Test func augmentationIsDeterministicAndHelpsNothingElse() throws {
    let data = try smallData()
    func bits(_ augment: [any Augmentation], seed: UInt64 = 0) throws -> [String: [UInt32]] {
      try train(smallNet(), on: data, options {
        $0.augment = augment
        $0.seed = seed
      }).model.bits()
    }
    #expect(try bits([Flip(), Crop()]) == bits([Flip(), Crop()]))
    #expect(try bits([Flip()]) != bits([]))
    #expect(try bits([Crop()]) != bits([Flip()]))
  }

  @Test func wrongOptionsAreNamed() throws {
    let data = try smallData()
    let cases: [(String, PareError.Code, (inout TrainingOptions) -> Void)] = [
      ("epochs", .argument, { $0.epochs = -1 }), ("batch", .argument, { $0.batch = 0 }),
      ("optimizer", .notFound, { $0.optimizer = "sdg" }), ("schedule", .notFound, { $0.schedule = "cos" }),
      ("lr", .argument, { $0.lr = -1 }), ("lr", .argument, { $0.lr = .nan }), ("warmup", .argument, { $0.warmup = 5 }),
      ("clip", .argument, { $0.clip = 0 }), ("precision", .argument, { $0.precision = "f8" }),
      ("keep_f32", .notFound, { $0.precision = "bf16"; $0.keepF32 = ["fcc"] }), ("size", .argument, { $0.augment = [Cutout(size: 16)] }),
      ("accumulate", .argument, { $0.accumulate = 0 }), ("ema", .argument, { $0.ema = 1 }),
      ("early_stop.patience", .argument, { $0.earlyStop = EarlyStop(); $0.earlyStop?.patience = 0 }),
      ("early_stop", .argument, { $0.earlyStop = EarlyStop(); $0.validates = false }),
      ("epochs", .argument, { $0.epochs = .max }),
    ]
    for (argument, code, change) in cases {
      let error = pareError { _ = try train(smallNet(), on: data, options(change)) }
      #expect(error?.argument == argument && error?.code == code, "\(argument): \(String(describing: error))")
    }
  }

  @Test func divergenceAndDetachedLossesAreErrors() throws {
    let data = try smallData()
    let error = pareError { _ = try train(smallNet(), on: data, options { $0.lr = 1e30 }) }
    #expect(error?.code == .notReached && error?.argument == "lr")
    let constant = pareError {
      _ = try train(smallNet(), on: data, options { $0.loss = TrainingLoss { _, _ in try .scalar(1) } })
    }
    #expect(constant?.argument == "loss")
    let wide = pareError {
      _ = try train(smallNet(), on: data, options { $0.loss = TrainingLoss { execution, _ in try execution.output() } })
    }
    #expect(wide != nil)
  }

  @Test func ownLoopWithGradients() throws {
    let model = try smallNet()
    let batch = try smallData().train.take(16).all()
    let (loss, found) = try gradients(of: model) { model in
      try Loss.crossEntropy(model(batch.x), batch.labels()) + model.parameter("fc.weight").pow(2).sum() * 0.5
    }
    #expect(Set(found.keys) == Set(model.parameters.filter { $0.value.isTrainable }.keys))
    #expect(try !loss.isTracked && loss.item() > 0)
    // Along the bias of the last layer, by central differences.
    func value(_ shift: Float) throws -> Double {
      var bias = try model.parameter(named: "fc.bias").value.dense().values(as: Float.self)
      bias[3] += shift
      let shifted = try model.with(["fc.bias": Tensor(bias, shape: [10])])
      return try gradients(of: shifted) { try Loss.crossEntropy($0(batch.x), batch.labels()) }.loss.item()
    }
    let slope = try (value(1e-2) - value(-1e-2)) / 2e-2
    #expect(try abs(#require(found["fc.bias"]).scalars()[3] - slope) < 1e-3)
  }
}
