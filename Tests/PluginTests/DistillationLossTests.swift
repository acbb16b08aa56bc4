import Distillation
import Foundation
import PareKit
import Testing

/// Losses against `Tests/Golden/plugins/losses.py`: values and gradients from PyTorch.
@Suite struct DistillationLossTests {
  private struct File: Decodable {
    struct Case: Decodable {
      let name: String
      let parameters: [String: Double]
      let onFeatures: Bool
      let value: Double
      let gradient: [Double]
    }
    let student, teacher, studentFeatures, teacherFeatures: [Double]
    let labels: [Int]
    let cases: [Case]
  }

  private let file: File

  init() throws {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Golden/plugins/losses.json")
    file = try JSONDecoder().decode(File.self, from: Data(contentsOf: url))
  }

  private func logits(_ values: [Double]) throws -> Tensor { try Tensor(values, shape: [6, 5]) }
  private func labels() throws -> Tensor { try Tensor(file.labels.map(Int64.init)) }

  @Test func agreesWithPyTorch() throws {
    for test in file.cases {
      let loss: any DistillationLoss = try BuiltIns.make(.loss, test.name, test.parameters.mapValues { .number($0) })
      let leaf = try (test.onFeatures ? Tensor(file.studentFeatures, shape: [6, 3, 2, 2]) : logits(file.student)).tracked()
      let student = try ModelOutputs(logits: test.onFeatures ? logits(file.student) : leaf, taps: test.onFeatures ? [leaf] : [])
      let teacher = try ModelOutputs(
        logits: logits(file.teacher), taps: test.onFeatures ? [Tensor(file.teacherFeatures, shape: [6, 4, 2, 2])] : [])
      let value = try loss.value(student: student, teacher: teacher, labels: labels())
      #expect(try abs(value.item() - test.value) < 1e-7 * max(1, abs(test.value)), "\(test.name)")
      let gradient = try #require(try value.backward()[leaf]).scalars(), largest = test.gradient.map(abs).max() ?? 0
      for (own, other) in zip(gradient, test.gradient) { #expect(abs(own - other) < 1e-6 * max(1e-3, largest), "\(test.name)") }
    }
  }

  @Test(arguments: ["rkd", "dkd", "dist"]) func nothingToLearnFromOneself(_ name: String) throws {
    let loss: any DistillationLoss = try BuiltIns.make(.loss, name, ["labels": 0])
    let leaf = try logits(file.student).tracked()
    let value = try loss.value(student: ModelOutputs(logits: leaf), teacher: ModelOutputs(logits: logits(file.student)), labels: labels())
    #expect(try abs(value.item()) < 1e-12)
    #expect(try #require(try value.backward()[leaf]).abs().max().item() < 1e-6)
  }

  @Test func dkdAsksForLabels() throws {
    let loss: any DistillationLoss = try BuiltIns.make(.loss, "dkd")
    let code = BuiltIns.code {
      _ = try loss.value(student: ModelOutputs(logits: logits(file.student)), teacher: ModelOutputs(logits: logits(file.teacher)), labels: nil)
    }
    #expect(code == .argument)
  }

  /// Two equal samples have no angle and no distance: the loss and its gradient stay finite.
  @Test func equalSamplesAreFinite() throws {
    for name in ["rkd", "similarity"] {
      let loss: any DistillationLoss = try BuiltIns.make(.loss, name)
      let leaf = try Tensor.ones([3, 4], .f64).tracked(), other = try Tensor.randn([3, 4], seed: 1, dtype: .f64)
      let value = try loss.value(student: ModelOutputs(logits: leaf, taps: [leaf]), teacher: ModelOutputs(logits: other, taps: [other]), labels: nil)
      #expect(try value.item().isFinite)
      #expect(try #require(try value.backward()[leaf]).isFinite().all().item() == 1, "\(name)")
    }
  }

  /// Students of other widths, in the training loop: the loss goes down.
  @Test(arguments: ["similarity", "rkd", "dkd", "dist"]) func studentsLearn(_ name: String) throws {
    let data = try Zoo.digits()
    let teacher = try BuiltIns.apply("finetune", ["epochs": 2, "optimizer": "adam", "lr": 0.002], to: Zoo.cnn(), data: data)
    let student = try NN.sequential(
      [
        NN.conv2d(inChannels: 1, outChannels: 4, kernel: 3, padding: 1, name: "conv1"), NN.relu(), NN.maxpool2d(kernel: [2, 2]),
        NN.flatten(), NN.linear(inFeatures: 64, outFeatures: 10, name: "fc"),
      ], input: [1, 8, 8], seed: 1)
    let method = try #require(
      try BuiltIns.make(.method, "distill", ["teacher": .model(teacher), "loss": .string(name), "epochs": 2], as: (any CompressionMethod).self) as? Distill)
    let before = try training(method, teacher, student, data)
    let taught = try method.apply(student, BuiltIns.context(student, data, 0, method))
    #expect(try training(method, teacher, taught, data) < before)
  }

  /// The loss of a student on some samples.
  private func training(_ method: Distill, _ teacher: Model, _ student: Model, _ data: Dataset) throws -> Double {
    // A step of no size: what training says of its loss before it moves.
    var value = 0.0
    var options = TrainingOptions()
    (options.epochs, options.lr, options.batch, options.shuffle) = (1, 1e-12, 128, false)
    options.loss = try method.trainingLoss(teacher: teacher, student: student)
    _ = try train(student, on: data, options, callbacks: [
      TrainingCallbacks(onStep: { state in
        value = state.loss ?? .nan
        state.stop()
      })
    ])
    return value
  }
}
