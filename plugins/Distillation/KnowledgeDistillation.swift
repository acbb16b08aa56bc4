import PareKit

/// Soft labels: the student imitates the teacher's softened distribution.
///
/// `alpha T^2 KL(softmax(teacher / T) || softmax(student / T)) + (1 - alpha) CE(student, labels)`, mean over the batch.
/// T^2 keeps the size of the gradients as T grows (section 2.1 of the paper). Without labels the second part is left out.
public struct KnowledgeDistillation: DistillationLoss {
  public static let entry = Entry(
    name: "kd", summary: "Soft labels of the teacher at a temperature, mixed with the true labels",
    reference: "Hinton et al. 2015, \"Distilling the Knowledge in a Neural Network\", section 2",
    parameters: [
      .number("temperature", default: 4, allowed: ParameterRange(minimum: 0, includesMinimum: false), doc: "T: softens both distributions"),
      .number("alpha", default: 0.9, in: 0...1, doc: "Weight of the soft labels; the rest is for the true labels"),
    ])
  private let temperature: Double
  private let alpha: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    temperature = try arguments.number("temperature")
    alpha = try arguments.number("alpha")
  }

  /// Without labels, or with an `alpha` of 1, the soft part alone, times `alpha`.
  ///
  /// - Throws: `shape` unless both logits are `[N, C]` of one shape.
  public func value(student: ModelOutputs, teacher: ModelOutputs, labels: Tensor?) throws -> Tensor {
    let soft = try Loss.klDivergence(
      student: student.logits, teacher: teacher.logits, temperature: temperature) * alpha
    guard let labels, alpha < 1 else { return soft }
    return try soft + Loss.crossEntropy(student.logits, labels) * (1 - alpha)
  }
}

/// Mean squared difference of the logits, optionally with the labels.
public struct LogitRegression: DistillationLoss {
  public static let entry = Entry(
    name: "logit_mse", summary: "Mean squared difference of student's and teacher's logits",
    reference: "Ba and Caruana 2014, \"Do Deep Nets Really Need to be Deep?\", equation 1",
    parameters: [.number("alpha", default: 1, in: 0...1, doc: "Weight of the difference; the rest is for the true labels")])
  private let alpha: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { alpha = try arguments.number("alpha") }

  /// Without labels, or with an `alpha` of 1, the squared difference alone, times `alpha`.
  ///
  /// - Throws: `shape` for logits of different shapes.
  public func value(student: ModelOutputs, teacher: ModelOutputs, labels: Tensor?) throws -> Tensor {
    let squared = try Loss.mse(student.logits, teacher.logits.detached()) * alpha
    guard let labels, alpha < 1 else { return squared }
    return try squared + Loss.crossEntropy(student.logits, labels) * (1 - alpha)
  }
}
