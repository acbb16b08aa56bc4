import Support

/// How a model is trained. Values are checked when training starts, and all wrong ones are named.
public struct TrainingOptions {
  public var epochs = 1
  /// Samples in each step.
  public var batch = 64
  /// "sgd", "adam" or "adamw".
  public var optimizer = SGD.name
  /// The learning rate at the schedule's height; nil: 0.05 for sgd, 0.001 for adam and adamw.
  public var lr: Double?
  /// Of sgd.
  public var momentum = 0.9
  public var nesterov = false
  public var weightDecay = 0.0
  /// A name of `LearningRateSchedule.names`.
  public var schedule = "cosine"
  /// Epochs over which the rate rises to its height; fractions are fine.
  public var warmup = 0.0
  /// The most that the norm of all gradients together may be; nil: any.
  public var clip: Double?
  /// Of the order of samples, augmentation and dropout.
  public var seed: UInt64 = 0
  public var loss = TrainingLoss.crossEntropy()
  /// Changes to training images: "flip" (left-right, half of them), "crop" (a shift of up to an eighth of
  /// their height).
  public var augment: [String] = []
  /// "f32".
  public var precision = "f32"
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

  public init() {}

  /// - Throws: `PareError.argument`, `.notFound` or `.unsupported` naming the option.
  func check() throws {
    func require(_ holds: Bool, _ argument: String, _ expected: String, _ got: Any) throws {
      if !holds { throw PareError(.argument, "train", argument: argument, expected: expected, got: "\(got)") }
    }
    try require(epochs >= 0, "epochs", "0 or more", epochs)
    try require(batch > 0, "batch", "at least 1", batch)
    try require(warmup >= 0 && warmup <= Double(epochs), "warmup", "0 to \(epochs) epochs", warmup)
    if let clip { try require(clip > 0, "clip", "above 0", clip) }
    if let checkpointSteps { try require(checkpointSteps > 0, "checkpoint_steps", "at least 1", checkpointSteps) }
    guard precision == "f32" else {
      guard ["bf16", "f16"].contains(precision) else {
        throw PareError(.argument, "train", argument: "precision", expected: "f32, bf16 or f16", got: precision)
      }
      throw PareError(.unsupported, "train: precision '\(precision)' is not there yet", argument: "precision", expected: "f32")
    }
    try Augmentation.check(augment)
  }
}
