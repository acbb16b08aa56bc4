import Graph
import Support

/// Ends a training whose validation no longer gets better.
public struct EarlyStop: Sendable, Hashable {
  /// What is watched on the validation part.
  public enum Metric: String, Sendable, CaseIterable { case loss, accuracy }

  /// What has to get better: the loss falls, the accuracy rises.
  public var metric = Metric.loss
  /// Epochs without a better value before the training ends.
  public var patience = 5
  /// What a better value must differ by at least.
  public var minDelta = 0.0
  /// Whether the result is the model of the best epoch instead of the last one's.
  public var restoresBest = true

  /// Five epochs of patience with the validation loss, and the best model.
  public init() {}

  /// Name and values: what a checkpoint must agree on.
  var text: String { "\(metric.rawValue) \(patience) \(minDelta) \(restoresBest)" }

  /// The best epoch so far.
  struct Best {
    var epoch: Int
    var value: Double
    var model: Model
  }

  /// Whether the value of `record` is better than the best one.
  ///
  /// - Throws: `PareError.argument` if the record lacks what is watched.
  func improves(_ record: EpochRecord, on best: Best?) throws -> Double? {
    guard let value = metric == .loss ? record.validationLoss : record.validationAccuracy else {
      throw PareError(
        .argument, "train: early_stop watches the validation \(metric.rawValue), which there is not", argument: "early_stop",
        expected: metric == .loss ? "data with a validation part" : "a validation part with classes")
    }
    guard let best else { return value }
    let gain = metric == .loss ? best.value - value : value - best.value
    return gain > minDelta ? value : nil
  }
}
