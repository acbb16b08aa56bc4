import Graph
import Support
import Tensor
import Testing
import Training

@Suite struct OptimizerTests {
  struct Golden: Decodable {
    struct Step: Decodable { let a: [Double], b: [Double] }
    let optimizers: [String: [Step]]
    let schedules: [String: [Double]]
  }

  private static func make(_ name: String) throws -> any Optimizer {
    switch name {
    case "sgd": SGD(learningRate: 0.1)
    case "sgd_momentum": SGD(learningRate: 0.1, momentum: 0.9)
    case "sgd_momentum_decay": SGD(learningRate: 0.1, momentum: 0.9, weightDecay: 0.01)
    case "sgd_nesterov_decay": SGD(learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01)
    case "adam": Adam(learningRate: 0.01)
    case "adam_decay": Adam(learningRate: 0.01, weightDecay: 0.1)
    default: AdamW(learningRate: 0.01, weightDecay: 0.1)
    }
  }

  @Test(arguments: [
    "sgd", "sgd_momentum", "sgd_momentum_decay", "sgd_nesterov_decay", "adam", "adam_decay", "adamw",
  ])
  func stepsAsPyTorchDoes(name: String) throws {
    let steps = try #require(golden("optimizers.json", as: Golden.self).optimizers[name])
    #expect(steps.count == 6)
    var optimizer = try Self.make(name)
    var values = ["a": try Noise.tensor("optimizer.a", [3, 4]), "b": try Noise.tensor("optimizer.b", [3])]
    for (index, expected) in steps.enumerated() {
      let before = optimizer
      let gradients = [
        "a": try Noise.tensor("optimizer.a.gradient.\(index)", [3, 4]),
        "b": try Noise.tensor("optimizer.b.gradient.\(index)", [3]),
      ]
      let old = values
      values = try optimizer.step(values, gradients)
      expectClose(try #require(values["a"]).scalars(), expected.a, absolute: 1e-6, relative: 1e-6, "\(name) step \(index) a")
      expectClose(try #require(values["b"]).scalars(), expected.b, absolute: 1e-6, relative: 1e-6, "\(name) step \(index) b")
      // A copy is a value: it takes the same step again.
      var copy = before
      #expect(try copy.step(old, gradients)["a"]?.scalars() == values["a"]?.scalars())
    }
  }

  @Test(arguments: ["cosine", "linear", "step", "one_cycle"])
  func schedulesAsPyTorchs(name: String) throws {
    let expected = try #require(golden("optimizers.json", as: Golden.self).schedules[name])
    let schedule = try LearningRateSchedule.named(name)
    expectClose(expected.indices.map { schedule.factor(step: $0, of: expected.count) }, expected, absolute: 1e-9, name)
  }

  @Test func warmupRisesInALine() {
    let factors = (0..<10).map { LearningRateSchedule.constant.factor(step: $0, of: 10, warmup: 4) }
    #expect(factors == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1])
    #expect(LearningRateSchedule.cosine.factor(step: 4, of: 10, warmup: 4) == 1)
    for schedule in LearningRateSchedule.names {
      for total in [0, 1, 2] {
        let factor = try? LearningRateSchedule.named(schedule).factor(step: 0, of: total)
        #expect(factor?.isFinite == true)
      }
    }
  }

  @Test func wrongNamesAndValues() throws {
    #expect(pareError { _ = try Optimizers.make("adm") }?.suggestion == "did you mean 'adam'?")
    #expect(pareError { _ = try LearningRateSchedule.named("cosin") }?.suggestion == "did you mean 'cosine'?")
    #expect(pareError { _ = try Optimizers.make("sgd", learningRate: -1) }?.argument == "lr")
    #expect(pareError { _ = try Optimizers.make("sgd", momentum: 0, nesterov: true) }?.argument == "nesterov")
    #expect(try Optimizers.make("sgd").learningRate == 0.05)
    #expect(try Optimizers.make("adamw").learningRate == 0.001)
    var optimizer = SGD(learningRate: 1)
    let value = try Tensor.zeros([2])
    #expect(pareError { _ = try optimizer.step(["w": value], ["v": value]) }?.code == .notFound)
    #expect(pareError { _ = try optimizer.step(["w": value], ["w": .zeros([3])]) }?.code == .shape)
  }

  @Test func stepOnAModelKeepsItsZeros() throws {
    var model = try smallNet()
    let weight = try model.parameter(named: "fc.weight").value.dense()
    let mask = try weight.gt(0)
    model.parameters["fc.weight"]?.value = try MaskedRepresentation(weight, mask: mask)
    var optimizer = SGD(learningRate: 0.1)
    let moved = try optimizer.step(model, ["fc.weight": Tensor.ones(weight.shape)])
    let after = try moved.parameter(named: "fc.weight").value.dense().values(as: Float.self)
    for (kept, (old, new)) in zip(try mask.values(as: Bool.self), zip(try weight.values(as: Float.self), after)) {
      #expect(new == (kept ? old - 0.1 : 0))
    }
    #expect(try moved.parameter(named: "conv.weight").value.dense().scalars()
      == model.parameter(named: "conv.weight").value.dense().scalars())
  }
}
