// A loss: how far is the student from the teacher? distill{teacher=m, loss="example_loss"}.
import PareKit

struct ExampleLoss: DistillationLoss {
  static let entry = Entry(name: "example_loss", summary: "Squared difference of the outputs", reference: "own")
  init(_ arguments: Arguments) throws {}

  // To compare layers: var taps: [(student: String, teacher: String)] { [("layer3", "layer3")] }
  func value(student: ModelOutputs, teacher: ModelOutputs, labels: Tensor?) throws -> Tensor {
    let difference = try student.logits - teacher.logits
    return try (difference * difference).mean()
  }
}

let plugin = Plugin(ExampleLoss.self)
