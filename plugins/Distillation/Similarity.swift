import PareKit

/// Samples that are alike to the teacher are alike to the student.
///
/// With A the tapped values of a batch as `[N, features]`, `G = A A^T` has each row brought to unit length; the loss is
/// `|G_student - G_teacher|^2 / N^2`, summed over the pairs of layers (equations 1 to 4 of the paper). Features may differ in
/// number. Without `layers`, the last layers of equal resolution are compared.
public struct SimilarityPreserving: DistillationLoss {
  public static let entry = Entry(
    name: "similarity", summary: "Likeness of the samples of a batch, student's and teacher's",
    reference: "Tung and Mori 2019, \"Similarity-Preserving Knowledge Distillation\", equation 4", parameters: [LayerPairs.parameter])
  private let layers: LayerPairs
  /// The pairs that `layers` names; `[]` without it.
  public var taps: [(student: String, teacher: String)] { layers.named }

  /// A name in `layers` stands for the layer of that name in both models.
  ///
  /// - Throws: `argument` for an item of `layers` that is neither a name nor a pair of names.
  public init(_ arguments: Arguments) throws { layers = try LayerPairs(arguments, of: Self.entry.name) }

  /// The pairs of `layers`; without it, for each `[H, W]` beyond one pixel that both models have, the last layer of each.
  ///
  /// - Throws: `argument` where no resolution is shared.
  public func taps(student: Model, teacher: Model) throws -> [(student: String, teacher: String)] {
    try layers.pairs(student: student, teacher: teacher)
  }

  /// The sum over the pairs; gradients flow into the student alone.
  public func value(student: ModelOutputs, teacher: ModelOutputs, labels: Tensor?) throws -> Tensor {
    var sum = try Tensor.scalar(0, student.logits.dtype)
    for (own, other) in zip(student.taps, teacher.taps) {
      let difference = try likeness(own) - likeness(other.detached())
      sum = try sum + (difference * difference).mean()
    }
    return sum
  }

  /// `[N, N]`, each row of unit length.
  private func likeness(_ features: Tensor) throws -> Tensor {
    let rows = try features.reshaped([features.shape[0], features.count / max(1, features.shape[0])])
    let products = try rows.matmul(rows.transposed(0, 1))
    return try products / ((products * products).sum(axes: [1], keepDims: true) + 1e-24).sqrt()
  }
}
