import PareKit

/// Relations between samples: how far apart any two are, and the angle that any three make.
///
/// Distances are divided by their mean; differences of both kinds go through the Huber loss, in the mean over all pairs and
/// triples (equations 3 to 7 of the paper). Without `layers` the outputs are what lies in space.
public struct RelationalKnowledge: DistillationLoss {
  public static let entry = Entry(
    name: "rkd", summary: "Distances between pairs of samples and angles between triples",
    reference: "Park et al. 2019, \"Relational Knowledge Distillation\", equations 3 to 7",
    parameters: [
      .number("distance", default: 25, in: 0..., doc: "Weight of the distances"),
      .number("angle", default: 50, in: 0..., doc: "Weight of the angles"),
      .list("layers", optional: true, doc: "Layer names, or {student, teacher} pairs; default: the outputs"),
      .number("labels", default: 0, in: 0..., doc: "Weight of the cross-entropy with the true labels"),
    ])
  private let distance: Double
  private let angle: Double
  private let truth: Double
  private let layers: LayerPairs
  /// The pairs that `layers` names; `[]` without it: the outputs.
  public var taps: [(student: String, teacher: String)] { layers.named }

  /// A name in `layers` stands for the layer of that name in both models.
  ///
  /// - Throws: `argument` for an item of `layers` that is neither a name nor a pair of names.
  public init(_ arguments: Arguments) throws {
    distance = try arguments.number("distance")
    angle = try arguments.number("angle")
    truth = try arguments.number("labels")
    layers = try LayerPairs(arguments, of: Self.entry.name)
  }

  /// The sum over the pairs of layers, or of the outputs; gradients flow into the student alone.
  public func value(student: ModelOutputs, teacher: ModelOutputs, labels: Tensor?) throws -> Tensor {
    let own = student.taps.isEmpty ? [student.logits] : student.taps, others = teacher.taps.isEmpty ? [teacher.logits] : teacher.taps
    var sum = try Tensor.scalar(0, student.logits.dtype)
    for (own, other) in zip(own, others) {
      let own = try Points(own), other = try Points(other.detached())
      if distance > 0 { sum = try sum + own.distances().huber(other.distances()) * distance }
      if angle > 0 { sum = try sum + own.cosines().huber(other.cosines()) * angle }
    }
    return try Loss.adding(truth, student.logits, labels, to: sum)
  }

  /// The samples of a batch as points, `[N, features]`.
  private struct Points {
    let rows: Tensor

    init(_ features: Tensor) throws {
      rows = try features.reshaped([features.shape[0], features.count / max(1, features.shape[0])])
    }

    /// Euclidean distances over their mean, `[N, N]`.
    func distances() throws -> Tensor {
      let count = rows.shape[0], squares = try (rows * rows).sum(axes: [1])
      let products = try rows.matmul(rows.transposed(0, 1))
      let apart = try squares.reshaped([count, 1]) + squares.reshaped([1, count]) - products * 2
      // A point is at 0 from itself, without the root's infinite slope there.
      let others = try 1 - Tensor.eye(count, dtype: rows.dtype)
      let distances = try apart.clip(min: 1e-12).sqrt() * others
      let mean = try distances.sum() / Double(max(1, count * (count - 1)))
      return try distances / (mean + 1e-12)
    }

    /// The cosine of the angle at i between j and k, `[N, N, N]`.
    func cosines() throws -> Tensor {
      let count = rows.shape[0], width = rows.shape[1]
      let differences = try rows.reshaped([1, count, width]) - rows.reshaped([count, 1, width])
      let lengths = try ((differences * differences).sum(axes: [2], keepDims: true) + 1e-24).sqrt()
      let units = try differences / lengths
      return try units.matmul(units.transposed(1, 2))
    }
  }
}

extension Tensor {
  /// The mean Huber loss with a knee at 1: half the square below it.
  fileprivate func huber(_ other: Tensor) throws -> Tensor {
    let apart = try (self - other).abs(), below = try apart.clip(max: 1)
    return try (below * below * 0.5 + (apart - below)).mean()
  }
}
