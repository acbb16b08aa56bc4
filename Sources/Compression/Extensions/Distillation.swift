import Graph
import Tensor

/// What a model gave for one batch: its output and the values that a loss asked for.
public struct ModelOutputs: Sendable {
  /// The model's (first) output, `[N, classes]` for a classifier.
  public var logits: Tensor
  /// The tapped values, in the order in which the taps were asked for.
  public var taps: [Tensor]

  /// What a model gave for one batch, the tapped values in the order of the taps.
  public init(logits: Tensor, taps: [Tensor] = []) {
    self.logits = logits
    self.taps = taps
  }
}

/// How far is the student from the teacher?
public protocol DistillationLoss: Extension {
  /// The layers whose outputs are compared, as `(student, teacher)` names; `[]` for the output alone.
  var taps: [(student: String, teacher: String)] { get }

  /// The layers to compare for given models; `taps` unless the loss pairs layers by itself.
  ///
  /// - Throws: `argument` where the models have nothing to compare.
  func taps(student: Model, teacher: Model) throws -> [(student: String, teacher: String)]

  /// Returns a scalar: the mean over the batch.
  ///
  /// - Parameter labels: i64 `[N]`; nil where the data has none.
  func value(student: ModelOutputs, teacher: ModelOutputs, labels: Tensor?) throws -> Tensor
}

extension DistillationLoss {
  public static var kind: ExtensionKind { .loss }
  /// None by default: the outputs alone are compared.
  public var taps: [(student: String, teacher: String)] { [] }
  /// Default: `taps`, whatever the models.
  public func taps(student: Model, teacher: Model) throws -> [(student: String, teacher: String)] { taps }
}
