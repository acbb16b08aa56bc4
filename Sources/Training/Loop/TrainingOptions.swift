import Graph
import Support
import Tensor

/// How a model is trained. Values are checked when training starts, and all wrong ones are named.
public struct TrainingOptions {
  /// Passes over the training part, 0 or more.
  public var epochs = 1
  /// Samples in each step.
  public var batch = 64
  /// "sgd", "adam" or "adamw".
  public var optimizer = SGD.name
  /// The learning rate at the schedule's height; nil: 0.05 for sgd, 0.001 for adam and adamw.
  public var lr: Double?
  /// Of sgd.
  public var momentum = 0.9
  /// Of sgd: looks ahead along the momentum, which must be above 0.
  public var nesterov = false
  /// For sgd and adam the share of a value that is added to its gradient; for adamw the decay apart from the gradient.
  public var weightDecay = 0.0
  /// A name of `LearningRateSchedule.names`.
  public var schedule = "cosine"
  /// Epochs over which the rate rises to its height; fractions are fine.
  public var warmup = 0.0
  /// The most that the norm of all gradients together may be; nil: any.
  public var clip: Double?
  /// Of the order of samples, augmentation and dropout.
  public var seed: UInt64 = 0
  /// What is minimized.
  public var loss = TrainingLoss.crossEntropy()
  /// What is added to the loss of each training batch; nil: nothing.
  public var penalty: TrainingPenalty?
  /// Batches whose gradients are averaged before each step; the schedule counts steps.
  public var accumulate = 1
  /// Whether each epoch has an order of its own; file order otherwise.
  public var shuffle = true
  /// Changes to training images, one after the other.
  public var augment: [any Augmentation] = []
  /// Whether the next batches are made while one is computed with; the results are the same.
  public var prefetches = true
  /// "f32"; or "bf16" or "f16": convolutions and products in that type, all else and the parameters in f32.
  public var precision = "f32"
  /// Layers that stay in f32 whatever `precision` says; a name stands for all layers below it too.
  public var keepF32: [String] = []
  /// The decay of a moving average of parameters and running statistics, which validation sees and the result holds.
  public var ema: Double?
  /// Ends the training when validation no longer gets better.
  public var earlyStop: EarlyStop?
  /// The file that gets a line of JSON for each epoch.
  public var log: String?
  /// The file that holds the state of the training, written after each epoch.
  public var checkpoint: String?
  /// Writes the checkpoint after each so many steps as well.
  public var checkpointSteps: Int?
  /// The checkpoint to go on from.
  public var resume: String?
  /// Whether each epoch ends with a look at the validation part.
  public var validates = true
  /// What the progress bar is called.
  public var title = "train"

  /// One epoch of sgd with cross-entropy; each option can be set afterwards.
  public init() {}

  /// - Throws: `PareError.argument`, `.notFound` or `.unsupported` naming the option, `.io` for a checkpoint or a log that could not be written.
  func check() throws {
    func require(_ holds: Bool, _ argument: String, _ expected: String, _ got: Any) throws {
      if !holds { throw PareError(.argument, "train: \(argument)", argument: argument, expected: expected, got: "\(got)") }
    }
    try require(epochs >= 0, "epochs", "0 or more", epochs)
    try require(batch > 0, "batch", "at least 1", batch)
    try require(warmup >= 0 && warmup <= Double(epochs), "warmup", "0 to \(epochs) epochs", warmup)
    if let clip { try require(clip > 0, "clip", "above 0", clip) }
    for path in [checkpoint, log] { if let path { try AtomicFile.check(path) } }
    if let checkpointSteps { try require(checkpointSteps > 0, "checkpoint_steps", "at least 1", checkpointSteps) }
    try require(accumulate > 0, "accumulate", "at least 1", accumulate)
    if let ema { try require(ema > 0 && ema < 1, "ema", "above 0, below 1", ema) }
    try require(["f32", "bf16", "f16"].contains(precision), "precision", "f32, bf16 or f16", precision)
    if let earlyStop {
      try require(earlyStop.patience > 0, "early_stop.patience", "at least 1 epoch", earlyStop.patience)
      try require(earlyStop.minDelta >= 0, "early_stop.min_delta", "0 or more", earlyStop.minDelta)
      try require(validates, "early_stop", "a training that validates", "validates = false")
    }
  }

  /// What `precision` means for the interpreter; nil for f32.
  ///
  /// - Throws: `PareError.notFound` for a name in `keepF32` that is no layer of `model`.
  func autocast(for model: Model) throws -> Autocast? {
    guard precision != "f32" else { return nil }
    return try Autocast(precision == "f16" ? .f16 : .bf16, keeping: keepF32, in: model)
  }
}
