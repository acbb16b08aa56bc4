import Graph
import Support
import Tensor

/// The usual losses, each the mean over the samples of a batch as a tracked 0-d tensor.
public enum Loss {
  /// Softmax cross-entropy of logits `[N, C]` against class labels i64 `[N]`.
  ///
  /// - Parameter smoothing: the share of the target that is spread evenly over all classes, in 0..<1.
  /// - Reference: Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7, for the smoothing.
  public static func crossEntropy(_ logits: Tensor, _ labels: Tensor, smoothing: Double = 0) throws -> Tensor {
    guard (0..<1).contains(smoothing) else {
      throw PareError(.argument, "cross_entropy: smoothing", argument: "smoothing", expected: "0 or more, below 1", got: "\(smoothing)")
    }
    return try logits.crossEntropy(labels: labels, smoothing: smoothing)
  }

  /// Softmax cross-entropy of logits `[N, C]` against the share of each class, f32 `[N, C]`.
  ///
  /// - Parameter smoothing: the share of the target that is spread evenly over all classes, in 0..<1.
  public static func crossEntropy(_ logits: Tensor, shares: Tensor, smoothing: Double = 0) throws -> Tensor {
    guard (0..<1).contains(smoothing) else {
      throw PareError(.argument, "cross_entropy: smoothing", argument: "smoothing", expected: "0 or more, below 1", got: "\(smoothing)")
    }
    guard logits.rank == 2, logits.shape == shares.shape, logits.count > 0 else {
      throw PareError(
        .shape, "cross_entropy", argument: "shares", expected: "the logits' shape \(logits.shape.dimensions)",
        got: "\(shares.shape.dimensions)")
    }
    var target = try shares.converted(to: logits.dtype)
    if smoothing > 0 { target = try target * (1 - smoothing) + smoothing / Double(logits.shape[1]) }
    return try -(logits.logSoftmax(axis: -1) * target).sum() / Double(logits.shape[0])
  }

  /// The mean of the squared differences over all elements.
  public static func mse(_ outputs: Tensor, _ targets: Tensor) throws -> Tensor {
    guard outputs.shape == targets.shape else {
      throw PareError(
        .shape, "mse", argument: "targets", expected: "the outputs' shape \(outputs.shape.dimensions)",
        got: "\(targets.shape.dimensions)")
    }
    let difference = try outputs - targets.converted(to: outputs.dtype)
    return try (difference * difference).mean()
  }

  /// `T^2` times the Kullback-Leibler divergence of the teacher's softened classes from the student's.
  ///
  /// - Parameters:
  ///   - student: logits `[N, C]`; gradients flow into it alone.
  ///   - teacher: logits of the same shape.
  ///   - temperature: what both are divided by, above 0.
  /// - Reference: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network", section 2.
  public static func klDivergence(student: Tensor, teacher: Tensor, temperature: Double = 1) throws -> Tensor {
    guard temperature > 0, temperature.isFinite else {
      throw PareError(.argument, "kl: temperature", argument: "temperature", expected: "above 0", got: "\(temperature)")
    }
    guard student.shape == teacher.shape, student.rank == 2, student.shape[0] > 0 else {
      throw PareError(
        .shape, "kl", argument: "teacher", expected: "the student's shape [N, C]",
        got: "student \(student.shape.dimensions), teacher \(teacher.shape.dimensions)")
    }
    let target = try (teacher.detached() / temperature).logSoftmax(axis: -1)
    let own = try (student / temperature).logSoftmax(axis: -1)
    let divergence = try (target.exp() * (target - own)).sum()
    return try divergence * (temperature * temperature / Double(student.shape[0]))
  }
}

/// What training minimizes: a function of a model's outputs, of the intermediate values it asks for, and of the batch.
public struct TrainingLoss {
  /// What a checkpoint must agree on: a resumed training has the same loss.
  public var name: String
  /// Layers or values that `value` wants to see in `Execution.taps`.
  public var taps: [String]
  /// Returns the tracked loss, one number, of one training batch.
  public var value: (_ execution: Execution, _ batch: Batch) throws -> Tensor

  /// A loss of your own.
  public init(
    name: String = "own", taps: [String] = [], value: @escaping (_ execution: Execution, _ batch: Batch) throws -> Tensor
  ) {
    self.name = name
    self.taps = taps
    self.value = value
  }

  /// Softmax cross-entropy of the model's output against class labels, or their shares where samples were mixed; the mean
  /// over the places of a map `[N, C, ...]` whose labels are `[N, ...]`.
  public static func crossEntropy(smoothing: Double = 0) -> TrainingLoss {
    TrainingLoss(name: smoothing > 0 ? "cross_entropy(\(smoothing))" : "cross_entropy") { execution, batch in
      if let shares = batch.shares { return try Loss.crossEntropy(execution.output(), shares: shares, smoothing: smoothing) }
      let (scores, labels) = try batch.rows(execution.output())
      return try Loss.crossEntropy(scores, labels, smoothing: smoothing)
    }
  }

  /// Mean squared error of the model's output against the targets.
  public static func mse() -> TrainingLoss {
    TrainingLoss(name: "mse") { execution, batch in try Loss.mse(execution.output(), batch.targets) }
  }
}

/// What training adds to the loss of each batch: a function of the parameters alone.
public struct TrainingPenalty {
  /// What a checkpoint must agree on: a resumed training has the same penalty.
  public var name: String
  /// Returns one number from the tracked parameters, by name, as the forward pass sees them (masks in force).
  public var value: (_ parameters: [String: Tensor], _ model: Model) throws -> Tensor

  /// A penalty of your own.
  public init(name: String, value: @escaping (_ parameters: [String: Tensor], _ model: Model) throws -> Tensor) {
    self.name = name
    self.value = value
  }
}

extension Execution {
  /// Returns the output of a model that has exactly one.
  ///
  /// - Throws: `PareError.argument` naming the outputs of a model with several.
  public func output() throws -> Tensor {
    guard outputs.count == 1, let value = outputs.values.first else {
      throw PareError(
        .argument, "the loss needs a model with one output", argument: "loss", expected: "one output",
        got: outputs.keys.sorted().joined(separator: ", "), suggestion: "give a loss of your own")
    }
    return value
  }
}
