import PareKit

/// The student looks where the teacher looks: mean squared difference of normalized spatial attention maps.
///
/// The map of a feature map A `[N, C, H, W]` is the mean over channels of `|A|^p`, as one vector of unit length for each
/// sample (section 3.1 of the paper). Without `layers`, the last layers of equal resolution are compared.
public struct AttentionTransfer: DistillationLoss {
  public static let entry = Entry(
    name: "attention", summary: "Spatial attention maps of the student and the teacher",
    reference: "Zagoruyko and Komodakis 2017, \"Paying More Attention to Attention\", section 3.1",
    parameters: [
      .number("p", default: 2, allowed: ParameterRange(minimum: 0, includesMinimum: false), doc: "Power of the values before the mean"),
      LayerPairs.parameter,
    ])
  private let power: Double
  private let layers: LayerPairs
  /// The pairs that `layers` names; `[]` without it.
  public var taps: [(student: String, teacher: String)] { layers.named }

  /// A name in `layers` stands for the layer of that name in both models.
  ///
  /// - Throws: `argument` for an item of `layers` that is neither a name nor a pair of names.
  public init(_ arguments: Arguments) throws {
    power = try arguments.number("p")
    layers = try LayerPairs(arguments, of: Self.entry.name)
  }

  /// The pairs of `layers`; without it, for each `[H, W]` beyond one pixel that both models have, the last layer of each.
  ///
  /// - Throws: `argument` where no resolution is shared.
  public func taps(student: Model, teacher: Model) throws -> [(student: String, teacher: String)] {
    try layers.pairs(student: student, teacher: teacher)
  }

  /// The sum over the pairs of the mean squared difference of their maps; gradients flow into the student alone.
  ///
  /// - Throws: `shape` for a tapped value that is not `[N, C, H, W]`.
  public func value(student: ModelOutputs, teacher: ModelOutputs, labels: Tensor?) throws -> Tensor {
    var sum = try Tensor.scalar(0, student.logits.dtype)
    for (own, other) in zip(student.taps, teacher.taps) {
      let difference = try map(own) - map(other.detached())
      sum = try sum + (difference * difference).mean()
    }
    return sum
  }

  /// `[N, H * W]`, each row of unit length.
  private func map(_ features: Tensor) throws -> Tensor {
    guard features.rank == 4 else {
      throw PareError(.shape, "attention: a tapped value", argument: "layers", expected: "[N, C, H, W]", got: "\(Array(features.shape))")
    }
    let size = try power == 2 ? features * features : features.abs().pow(power)
    let rows = try size.mean(axes: [1]).reshaped([features.shape[0], features.shape[2] * features.shape[3]])
    return try rows / ((rows * rows).sum(axes: [1], keepDims: true) + 1e-12).sqrt()
  }
}
