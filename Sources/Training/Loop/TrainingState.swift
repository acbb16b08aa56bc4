import Graph
import Support
import Tensor

/// One epoch of a training.
public struct EpochRecord: Sendable, Hashable {
  /// Counted from 1.
  public var epoch: Int
  /// The learning rate of the epoch's first step.
  public var lr: Double
  /// The mean training loss over the epoch's samples.
  public var loss: Double
  /// The share of samples that were answered right while training on them; nil where targets are no classes.
  public var accuracy: Double?
  /// The loss on the validation part: cross-entropy where targets are classes, else the training loss. Nil without one.
  public var validationLoss: Double?
  /// The accuracy on the validation part, 0...1; nil without one, and where targets are no classes.
  public var validationAccuracy: Double?
  /// Steps that were left out because f16 gradients overflowed.
  public var skippedSteps = 0

  /// A record of these numbers.
  public init(
    epoch: Int, lr: Double, loss: Double, accuracy: Double? = nil, validationLoss: Double? = nil,
    validationAccuracy: Double? = nil, skippedSteps: Int = 0
  ) {
    self.epoch = epoch
    self.lr = lr
    self.loss = loss
    self.accuracy = accuracy
    self.validationLoss = validationLoss
    self.validationAccuracy = validationAccuracy
    self.skippedSteps = skippedSteps
  }
}

/// A training as callbacks see it. What is not known yet is nil or empty.
public final class TrainingState {
  /// The model as it is now. Setting it replaces the model being trained.
  public var model: Model { didSet { isReplaced = true } }
  /// Of the loss, by parameter name. Setting it in `beforeOptimizer` changes what the optimizer gets.
  public var gradients: [String: Tensor] = [:]
  /// The samples of this step; of several batches to a step, the last one's.
  public internal(set) var batch: Batch?
  /// The loss of this step.
  public internal(set) var loss: Double?
  /// Counted from 1; 0 before the first epoch.
  public internal(set) var epoch = 0
  /// Steps begun so far, counted from 1 over all epochs; 0 before the first.
  public internal(set) var step = 0
  /// All steps of the training.
  public let steps: Int
  /// The optimizer with what it remembers; its learning rate is set anew before each step.
  public var optimizer: any Optimizer
  /// What the loss is multiplied by in f16; nil in other precisions.
  public internal(set) var lossScale: Double?
  /// Steps left out so far because f16 gradients overflowed.
  public internal(set) var skippedSteps = 0
  /// The finished epochs.
  public internal(set) var history: [EpochRecord] = []
  /// Whether the training ends because of Ctrl-C.
  public internal(set) var isInterrupted = false
  /// Whether `stop` was called.
  public private(set) var isStopped = false
  /// Whether a callback set the model since the loop last looked.
  var isReplaced = false

  init(model: Model, steps: Int, optimizer: any Optimizer) {
    self.model = model
    self.steps = steps
    self.optimizer = optimizer
  }

  /// Ends the training after the current step; the epoch it is in is recorded.
  public func stop() { isStopped = true }
}

/// Functions that training calls; each may read the state, replace the model or the gradients, or stop.
///
/// In each step: `beforeOptimizer` once loss and gradients are known, `afterOptimizer` once the parameters have moved,
/// then `onStep`; a step that is left out because f16 overflowed calls `onStep` alone. `onEpoch` comes after each epoch, when its record stands in the history; `onStart` before the first
/// step; `onEnd` last, also when Ctrl-C ends the training.
public struct TrainingCallbacks {
  /// A function of the state; what it throws ends the training.
  public typealias Callback = (TrainingState) throws -> Void
  /// Called before the first step.
  public var onStart: Callback?
  /// Called after each epoch, once its record stands in the history.
  public var onEpoch: Callback?
  /// Called at the end of each step.
  public var onStep: Callback?
  /// Called once loss and gradients of a step are known, before the parameters move.
  public var beforeOptimizer: Callback?
  /// Called once the parameters have moved.
  public var afterOptimizer: Callback?
  /// Called last, also when Ctrl-C ends the training.
  public var onEnd: Callback?

  /// Callbacks for some of the events; nil is not called.
  public init(
    onStart: Callback? = nil, onEpoch: Callback? = nil, onStep: Callback? = nil, beforeOptimizer: Callback? = nil,
    afterOptimizer: Callback? = nil, onEnd: Callback? = nil
  ) {
    self.onStart = onStart
    self.onEpoch = onEpoch
    self.onStep = onStep
    self.beforeOptimizer = beforeOptimizer
    self.afterOptimizer = afterOptimizer
    self.onEnd = onEnd
  }
}
