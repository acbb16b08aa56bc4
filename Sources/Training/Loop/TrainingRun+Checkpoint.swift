import Graph
import Support
import Tensor

/// Stopping and going on.
extension TrainingRun {
  static func identity(
    _ model: Model, _ data: Dataset, _ options: TrainingOptions, _ rate: Double
  ) throws -> [String: String] {
    guard options.checkpoint != nil || options.resume != nil else { return [:] }
    var identity = [
      "model": try model.hash(), "data": data.name, "samples": "\(data.train.count)", "epochs": "\(options.epochs)",
      "batch": "\(options.batch)", "optimizer": options.optimizer, "lr": "\(rate)", "momentum": "\(options.momentum)",
      "nesterov": "\(options.nesterov)", "weight_decay": "\(options.weightDecay)", "schedule": options.schedule,
      "warmup": "\(options.warmup)", "clip": options.clip.map { "\($0)" } ?? "none", "seed": "\(options.seed)",
      "augment": options.augment.map(\.text).joined(separator: " "), "loss": options.loss.name,
      "taps": options.loss.taps.joined(separator: " "), "accumulate": "\(options.accumulate)",
      "shuffle": "\(options.shuffle)", "precision": options.precision, "keep_f32": options.keepF32.sorted().joined(separator: " "),
      "ema": options.ema.map { "\($0)" } ?? "none", "early_stop": options.earlyStop?.text ?? "none",
    ]
    // An option that came later is named only where it is used: checkpoints from before it go on.
    identity["penalty"] = options.penalty?.name
    return identity
  }

  func checkpoint() -> Checkpoint {
    var checkpoint = Checkpoint(
      identity: identity, model: state.model, leaves: leaves, optimizer: state.optimizer.state, progress: progress,
      history: state.history)
    checkpoint.statistics = statistics
    checkpoint.average = average
    checkpoint.scaler = scaler
    checkpoint.best = best
    checkpoint.log = (log.lines, log.seconds)
    return checkpoint
  }

  func resume(from path: String) throws {
    let saved = try Checkpoint(path)
    for name in Set(identity.keys).union(saved.identity.keys).sorted() where saved.identity[name] != identity[name] {
      throw PareError(
        .argument, "resume: '\(name)' differs from the checkpoint's", argument: name,
        expected: saved.identity[name] ?? "none", got: identity[name] ?? "none", file: path)
    }
    let position = saved.progress
    guard position.epoch <= options.epochs, position.batch <= batchesPerEpoch,
      position.batch % options.accumulate == 0 || position.batch == batchesPerEpoch
    else {
      throw PareError(
        .format, "resume: the position", expected: "at most epoch \(options.epochs), batch \(batchesPerEpoch), between steps",
        got: "\(position.epoch), \(position.batch)", file: path)
    }
    guard (saved.average == nil) == (average == nil), (saved.scaler == nil) == (scaler == nil) else {
      throw PareError(.format, "resume: the average of weights or the loss scale", expected: "what the options need", file: path)
    }
    state.model = saved.model
    state.isReplaced = false
    state.optimizer.state = saved.optimizer
    state.history = saved.history
    progress = position
    state.epoch = saved.history.count
    state.step = progress.epoch * stepsPerEpoch + (progress.batch + options.accumulate - 1) / options.accumulate
    leaves = saved.leaves
    statistics = saved.statistics
    scaler = saved.scaler
    state.skippedSteps = scaler?.skipped ?? 0
    average = saved.average
    best = saved.best
    log = TrainingLog(lines: saved.log.lines, seconds: saved.log.seconds)
    origin = saved.model
    interpreter = try Interpreter(saved.model)
    autocast = try options.autocast(for: saved.model)
  }
}
