import Distillation
import PareKit
import Testing

@Suite struct DistillTests {
  private func outputs(_ values: [Double]) throws -> Tensor { try Tensor(values, shape: [4, 5]) }

  @Test func kdAgreesWithPyTorch() throws {
    for row in try Golden.load().distillation {
      let loss: any DistillationLoss = try BuiltIns.make(
        .loss, "kd", ["temperature": .number(row.temperature), "alpha": .number(row.alpha)])
      let student = try outputs(row.student).tracked()
      let value = try loss.value(
        student: ModelOutputs(logits: student), teacher: ModelOutputs(logits: outputs(row.teacher)),
        labels: Tensor(row.labels, shape: [4]))
      #expect(try abs(value.item() - row.loss) < 1e-9 * max(1, abs(row.loss)))
      let gradient = try #require(try value.backward()[student]).scalars()
      for (own, other) in zip(gradient, row.gradient) { #expect(abs(own - other) < 1e-9) }
    }
  }

  @Test(arguments: ["kd", "logit_mse"])
  func nothingToLearnFromOneself(name: String) throws {
    let row = try #require(Golden.load().distillation.first)
    let loss: any DistillationLoss = try BuiltIns.make(.loss, name, ["alpha": 1])
    let student = try outputs(row.student).tracked()
    let value = try loss.value(
      student: ModelOutputs(logits: student), teacher: ModelOutputs(logits: outputs(row.student)),
      labels: Tensor(row.labels, shape: [4]))
    #expect(try abs(value.item()) < 1e-12)
    #expect(try #require(try value.backward()[student]).abs().max().item() < 1e-12)
  }

  @Test func labelsAreOptional() throws {
    let row = try #require(Golden.load().distillation.first)
    let loss: any DistillationLoss = try BuiltIns.make(.loss, "kd")
    let value = try loss.value(
      student: ModelOutputs(logits: outputs(row.student)), teacher: ModelOutputs(logits: outputs(row.teacher)), labels: nil)
    #expect(try value.item() > 0)
  }

  @Test func studentAndTeacherMustAgree() throws {
    for name in ["kd", "logit_mse"] {
      let loss: any DistillationLoss = try BuiltIns.make(.loss, name)
      #expect(BuiltIns.code {
        _ = try loss.value(
          student: ModelOutputs(logits: Tensor.zeros([4, 5])), teacher: ModelOutputs(logits: Tensor.zeros([4, 6])), labels: nil)
      } == .shape)
    }
  }

  @Test func aStudentComesCloserToItsTeacher() throws {
    let data = try Zoo.digits()
    let teacher = try BuiltIns.apply("finetune", ["epochs": 4, "optimizer": "adam", "lr": 0.002], to: Zoo.cnn(), data: data)
    let student = try BuiltIns.apply("prune", ["sparsity": 0.5, "granularity": "filter"], to: teacher)
    let x = try data.validation.all().x
    let values: [String: Value] = ["teacher": .model(teacher), "epochs": 2, "optimizer": "adam", "lr": 0.002]
    for loss: Value in ["kd", .list([.table(ValueTable(items: ["kd"], fields: ["weight": 0.5])), .list(["logit_mse"])])] {
      let taught = try BuiltIns.apply("distill", values.merging(["loss": loss]) { $1 }, to: student, data: data)
      let before = try Loss.klDivergence(student: student(x), teacher: teacher(x)).item()
      let after = try Loss.klDivergence(student: taught(x), teacher: teacher(x)).item()
      #expect(after < before / 2)
    }
    let tuned = try BuiltIns.apply(
      "finetune", ["teacher": .model(teacher), "epochs": 2, "optimizer": "adam", "lr": 0.002], to: student, data: data)
    let direct = try BuiltIns.apply("distill", values, to: student, data: data)
    #expect(try tuned.hash() == direct.hash())
  }

  static let refused: [([String: Value], PareError.Code)] = [
    (["teacher": "imput"], .argument), (["loss": "dk"], .argument), (["temperature": 0], .argument),
    (["alpha": 2], .argument), (["loss": "logit_mse", "temperature": 2], .argument), (["epochs": -1], .argument),
  ]

  @Test(arguments: refused.indices)
  func refuses(index: Int) throws {
    let (values, code) = Self.refused[index]
    let got = BuiltIns.code { _ = try BuiltIns.apply("distill", values, to: Zoo.cnn(), data: Zoo.digits()) }
    #expect(got == code || (got == .notFound && values["loss"] != nil))
  }
}
