import Foundation
import Formats
import Graph
import Support
import Tensor
import TestSupport
import Testing
import Training

@Suite struct EvaluationTests {
  /// Scores of the samples are the samples themselves.
  private func identity() throws -> Model { try NN.sequential([NN.identity(name: "scores")], input: [7]) }

  private let scores: [[Float]] = [
    [9, 1, 2, 3, 4, 5, 6], [1, 9, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0], [0, 0, 0, 0, 0, 0, 0],
  ]
  private let labels: [Int64] = [0, 2, 5, 6]

  private func part(_ labels: [Int64]) throws -> DataPart {
    try DataPart(.test, x: Tensor(scores.flatMap { $0 }, shape: [4, 7]), y: Tensor(labels, shape: [4]))
  }

  @Test(arguments: [1, 3, 4, 256])
  func countsByHand(batch: Int) throws {
    let result = try evaluate(identity(), on: part(labels), batch: batch)
    #expect(result.samples == 4)
    #expect(result.accuracy == 0.25 && result.value == 0.25)
    // Sample 1: class 2 is sixth of seven; sample 2: class 5 is sixth; sample 3: of equal scores the first lead.
    #expect(result.top5 == 0.25)
    let loss = zip(scores, labels).map { row, label in
      log(row.reduce(0.0) { $0 + exp(Double($1)) }) - Double(row[Int(label)])
    }
    expectClose([result.loss], [loss.reduce(0, +) / 4], relative: 1e-9)
    #expect(result.confusion[0][0] == 1 && result.confusion[2][1] == 1 && result.confusion[5][0] == 1)
    #expect(result.confusion[6][0] == 1 && result.confusion.joined().reduce(0, +) == 4)
    #expect(result.perClass[0] == 1 && result.perClass[2] == 0 && result.perClass[1].isNaN)
  }

  @Test func metricSeesEverythingOnce() throws {
    var calls = 0
    let result = try evaluate(identity(), on: part(labels), metric: { outputs, targets in
      calls += 1
      #expect(outputs.shape == [4, 7])
      return try Double(targets.values(as: Int64.self).reduce(0, +))
    }, batch: 3)
    #expect(calls == 1 && result.value == 13 && result.accuracy == 0.25)
    // Targets that are no classes need a metric.
    let values = try DataPart(.test, x: Noise.tensor("x", [4, 7]), y: Noise.tensor("y", [4, 7]))
    #expect(pareError { _ = try evaluate(identity(), on: values) }?.code == .shape)
    let error = try evaluate(identity(), on: values, metric: { try Loss.mse($0, $1).item() })
    #expect(error.value > 0 && error.accuracy.isNaN && error.confusion.isEmpty)
  }

  @Test func anotherExecutor() throws {
    let result = try evaluate(identity(), on: part(labels), run: { try $0 * -1 })
    #expect(result.confusion[0][1] == 1)
  }

  @Test func wrongInput() throws {
    #expect(pareError { _ = try evaluate(identity(), on: part([0, 1, 2, 7])) }?.message == "label of sample 3")
    #expect(pareError { _ = try evaluate(identity(), on: part([0, 1, -1, 2])) }?.got == "-1")
    #expect(pareError { _ = try evaluate(identity(), on: part(labels).take(0)) }?.code == .argument)
    #expect(pareError { _ = try evaluate(identity(), on: part(labels), batch: 0) }?.argument == "size")
  }

  @Test func storedNormalizationIsUsed() throws {
    let data = try Dataset.load("digits")
    var model = try NN.sequential([NN.flatten(), NN.linear(inFeatures: 64, outFeatures: 10)], input: [1, 8, 8])
    let plain = try evaluate(model, on: data.test).loss
    model.normalization = Normalization(mean: [0], deviation: [1])
    #expect(try evaluate(model, on: data.test).loss != plain)
    model.normalization = data.normalization
    #expect(try evaluate(model, on: data.test).loss == plain)
  }
}

private let environment = ProcessInfo.processInfo.environment

@Suite struct TrainedNetworkTests {
  @Test(.enabled(if: environment["PARE_DATA"] != nil && environment["PARE_MODELS"] != nil,
                 "needs PARE_DATA (cifar10) and PARE_MODELS (resnet20-cifar10.onnx)"))
  func resnet20ReachesItsAccuracy() throws {
    let model = try ModelFile.load("\(try #require(environment["PARE_MODELS"]))/resnet20-cifar10.onnx")
    let data = try Dataset.load("cifar10")
    #expect(data.train.count == 36_000 && data.validation.count == 4_000)
    let result = try evaluate(model, on: data.test)
    #expect(result.samples == 10_000)
    #expect(abs(result.accuracy - 0.8919) <= 0.0002)
    #expect(abs(result.loss - 0.3243083953857422) < 1e-4)
  }

  /// The networks of `scripts/zoo`, with the accuracies of `docs/results/zoo.md`.
  @Test(.enabled(if: environment["PARE_DATA"] != nil, "needs PARE_DATA (mnist, fashion-mnist, cifar10)"),
        arguments: [("lenet300", "mnist", 0.9912), ("lenet5", "mnist", 0.9937), ("fashion", "fashion-mnist", 0.9241),
                    ("resnet20", "cifar10", 0.8926), ("vgg11", "cifar10", 0.8883), ("mobilenetv2", "cifar10", 0.8924),
                    ("vit", "cifar10", 0.7869), ("resnet56", "cifar10", 0.9114)])
  func trainedFilesReachTheirAccuracy(name: String, data: String, accuracy: Double) throws {
    let model = try ModelFile.load(TestFiles.trained(name))
    let result = try evaluate(model, on: Dataset.load(data).test)
    #expect(result.samples == 10_000)
    #expect(abs(result.accuracy - accuracy) <= 0.0003)
  }

  @Test(.enabled(if: environment["PARE_DATA"] != nil, "needs PARE_DATA (mnist, fashion-mnist)"),
        arguments: ["mnist", "fashion-mnist"])
  func handwritingIsRead(name: String) throws {
    let data = try Dataset.load(name)
    #expect(data.train.count == 54_000 && data.validation.count == 6_000 && data.test.count == 10_000)
    #expect(data.inputShape == [1, 28, 28])
    // Published mean and deviation of the training images; 2e-3 is what a tenth held out may change.
    let x = try data.train.take(10_000).all().x
    #expect(abs(try x.mean().item()) < 0.02)
    #expect(abs(try (x * x).mean().item() - 1) < 0.04)
    #expect(try Set(data.validation.all().y.values(as: Int64.self)) == Set(0..<10))
  }
}
