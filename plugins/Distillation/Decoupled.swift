import PareKit

/// The two parts of soft labels on their own: how sure the teacher is of the true class, and how it ranks the others.
///
/// `alpha T^2 KL(b_teacher || b_student) + beta T^2 KL(p_teacher || p_student)`, with b the probabilities of the true class and
/// of all others together, p those of the others among themselves (equation 7 of the paper), mean over the batch; plus the
/// cross-entropy with the labels.
public struct DecoupledKnowledge: DistillationLoss {
  public static let entry = Entry(
    name: "dkd", summary: "Soft labels in two parts: the true class against the others, and the others among themselves",
    reference: "Zhao et al. 2022, \"Decoupled Knowledge Distillation\", equation 7",
    parameters: [
      .number("temperature", default: 4, allowed: ParameterRange(minimum: 0, includesMinimum: false), doc: "T: softens both distributions"),
      .number("target", default: 1, in: 0..., doc: "alpha of the paper: weight of the true class against the others"),
      .number("others", default: 8, in: 0..., doc: "beta of the paper: weight of the others among themselves"),
      .number("labels", default: 1, in: 0..., doc: "Weight of the cross-entropy with the true labels"),
    ])
  private let temperature: Double
  private let target: Double
  private let others: Double
  private let truth: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    temperature = try arguments.number("temperature")
    target = try arguments.number("target")
    others = try arguments.number("others")
    truth = try arguments.number("labels")
  }

  /// Gradients flow into the student alone.
  ///
  /// - Throws: `shape` unless both logits are `[N, C]` of one shape; `argument` without labels.
  public func value(student: ModelOutputs, teacher: ModelOutputs, labels: Tensor?) throws -> Tensor {
    guard let labels else {
      throw PareError(.argument, "dkd needs to know the true class", argument: "labels", expected: "data with labels", got: "none")
    }
    guard student.logits.shape == teacher.logits.shape, student.logits.rank == 2 else {
      throw PareError(
        .shape, "dkd: the logits", expected: "[N, C] of one shape", got: "\(student.logits.shape) and \(teacher.logits.shape)")
    }
    let own = try student.logits / temperature, other = try teacher.logits.detached() / temperature
    let isTrue = try labels.oneHot(classes: own.shape[1]).eq(1)
    let both = try Loss.klDivergence(student: Self.shares(own, isTrue), teacher: Self.shares(other, isTrue), temperature: 1)
    // Far below all others, so that nothing is left for the true class.
    let rest = try Loss.klDivergence(student: Self.without(isTrue, own), teacher: Self.without(isTrue, other), temperature: 1)
    let sum = try (both * target + rest * others) * (temperature * temperature)
    return try Loss.adding(truth, student.logits, labels, to: sum)
  }

  /// The logarithms of the probabilities of the true class and of all others, `[N, 2]`.
  private static func shares(_ logits: Tensor, _ isTrue: Tensor) throws -> Tensor {
    let whole = try logits.logSumExp(axes: [1], keepDims: true)
    let one = try (logits * isTrue.converted(to: logits.dtype)).sum(axes: [1], keepDims: true)
    return try Tensor.concat([one - whole, without(isTrue, logits).logSumExp(axes: [1], keepDims: true) - whole], axis: 1)
  }

  private static func without(_ isTrue: Tensor, _ logits: Tensor) throws -> Tensor {
    try logits - isTrue.converted(to: logits.dtype) * 1000
  }
}
