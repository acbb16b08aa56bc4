import PareKit

/// Correlation in the place of equality: what the student ranks as the teacher does, for each sample among the classes and for
/// each class among the samples.
///
/// With Y the probabilities at a temperature, `beta T^2 (1 - mean of rho over rows) + gamma T^2 (1 - mean of rho over columns)`, rho
/// Pearson's correlation (equations 7 to 10 of the paper); plus the cross-entropy with the labels.
public struct CorrelationDistillation: DistillationLoss {
  public static let entry = Entry(
    name: "dist", summary: "Pearson's correlation of probabilities, among the classes and among the samples",
    reference: "Huang et al. 2022, \"Knowledge Distillation from A Stronger Teacher\", equations 7 to 10",
    parameters: [
      .number("temperature", default: 1, allowed: ParameterRange(minimum: 0, includesMinimum: false), doc: "T: softens both distributions"),
      .number("inter", default: 1, in: 0..., doc: "beta of the paper: weight of the classes of each sample"),
      .number("intra", default: 1, in: 0..., doc: "gamma of the paper: weight of the samples of each class"),
      .number("labels", default: 1, in: 0..., doc: "Weight of the cross-entropy with the true labels"),
    ])
  private let temperature: Double
  private let inter: Double
  private let intra: Double
  private let truth: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    temperature = try arguments.number("temperature")
    inter = try arguments.number("inter")
    intra = try arguments.number("intra")
    truth = try arguments.number("labels")
  }

  /// Without labels the two correlations alone; gradients flow into the student.
  ///
  /// - Throws: `shape` unless both logits are `[N, C]` of one shape.
  public func value(student: ModelOutputs, teacher: ModelOutputs, labels: Tensor?) throws -> Tensor {
    guard student.logits.shape == teacher.logits.shape, student.logits.rank == 2 else {
      throw PareError(
        .shape, "dist: the logits", expected: "[N, C] of one shape", got: "\(student.logits.shape) and \(teacher.logits.shape)")
    }
    let own = try (student.logits / temperature).softmax(axis: 1)
    let other = try (teacher.logits.detached() / temperature).softmax(axis: 1)
    let sum = try (Self.apart(own, other, axis: 1) * inter + Self.apart(own, other, axis: 0) * intra) * (temperature * temperature)
    return try Loss.adding(truth, student.logits, labels, to: sum)
  }

  /// One minus the mean correlation along an axis.
  private static func apart(_ own: Tensor, _ other: Tensor, axis: Int) throws -> Tensor {
    let x = try own - own.mean(axes: [axis], keepDims: true), y = try other - other.mean(axes: [axis], keepDims: true)
    let lengths = try ((x * x).sum(axes: [axis]) * (y * y).sum(axes: [axis]) + 1e-16).sqrt()
    return try 1 - ((x * y).sum(axes: [axis]) / lengths).mean()
  }
}
