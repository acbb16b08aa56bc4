import Graph
import Support
import Tensor

/// Trains a model on the training part of a data set.
///
/// Representations stay in force: what is trained is the representation's own leaf, the forward pass sees its
/// projection, and the model that callbacks and the caller get is on the invariant. Only floating trainable parameters
/// move; running statistics follow the batches. The result carries the data's normalization and input sizes. The same
/// model, data, options and thread count give the same bits.
///
/// On Ctrl-C the step in progress is dropped, the checkpoint is written if there is one, `onEnd` runs with the last
/// consistent model in `TrainingState.model`, and `.interrupted` is thrown.
///
/// - Parameters:
///   - model: one input; sizes of inputs that it lacks are taken from the data.
///   - data: only its training and validation parts are read.
///   - callbacks: called in order at each event, such as a method's and then the user's.
/// - Returns: the trained model (of the averaged weights with `ema`, of the best epoch with an early stop that restores
///   it), and a record of each epoch.
/// - Throws: `PareError` naming the option, layer or step; `.notReached` if the loss is no longer finite.
public func train(
  _ model: Model, on data: Dataset, _ options: TrainingOptions = TrainingOptions(), callbacks: [TrainingCallbacks] = []
) throws -> (model: Model, history: [EpochRecord]) {
  try options.check()
  let run = try TrainingRun(model, data, options, callbacks)
  return try run.run()
}

/// One call of `train`.
final class TrainingRun {
  let data: Dataset
  let options: TrainingOptions
  private let callbacks: [TrainingCallbacks]
  private let schedule: LearningRateSchedule
  /// The learning rate at the schedule's height.
  let rate: Double
  let batchesPerEpoch: Int
  let stepsPerEpoch: Int
  private let warmup: Int
  /// What a checkpoint must agree on with the run that goes on from it.
  let identity: [String: String]
  let state: TrainingState
  private let bar: ProgressBar
  private var batches: TrainingBatches?

  var interpreter: Interpreter
  var autocast: Autocast?
  /// What the optimizer moves, not tracked.
  var leaves: [String: Tensor]
  /// Running statistics, by parameter name; what is not here is still the interpreter's.
  var statistics: [String: Tensor] = [:]
  /// The model that the training began with or that a callback put in its place.
  var origin: Model
  /// Whether `leaves` and `statistics` are ahead of the model in `state`.
  var isAhead = false
  var progress = Progress()
  var scaler: LossScaler?
  var average: WeightAverage?
  var best: EarlyStop.Best?
  var log = TrainingLog()

  init(_ model: Model, _ data: Dataset, _ options: TrainingOptions, _ callbacks: [TrainingCallbacks]) throws {
    try data.train.refuseTest(for: "train")
    guard data.train.count > 0 else {
      throw PareError(.argument, "train: data set '\(data.name)'", argument: "data", expected: "training samples", got: "none")
    }
    guard options.earlyStop == nil || data.validation.count > 0 else {
      throw PareError(
        .argument, "train: early_stop", argument: "early_stop", expected: "data with a validation part", got: "none")
    }
    self.data = try data.normalized(for: model)
    try Augmentations.check(options.augment, sample: data.inputShape, classes: data.classes.count)
    self.options = options
    self.callbacks = callbacks
    schedule = try LearningRateSchedule.named(options.schedule)
    batchesPerEpoch = try data.train.batches(size: options.batch).count
    stepsPerEpoch = (batchesPerEpoch - 1) / options.accumulate + 1
    warmup = Int((options.warmup * Double(stepsPerEpoch)).rounded())
    let (batches, overflow) = batchesPerEpoch.multipliedReportingOverflow(by: options.epochs)
    guard !overflow, batches < 1 << 53 else {
      throw PareError(.argument, "train: epochs", argument: "epochs", expected: "a number of steps that fits", got: "\(options.epochs)")
    }
    let optimizer = try Optimizers.make(
      options.optimizer, learningRate: options.lr, momentum: options.momentum, nesterov: options.nesterov,
      weightDecay: options.weightDecay)
    rate = optimizer.learningRate
    let prepared = try Self.prepared(model, for: self.data)
    identity = try Self.identity(prepared, self.data, options, rate)
    origin = prepared
    state = TrainingState(model: prepared, steps: stepsPerEpoch * options.epochs, optimizer: optimizer)
    bar = ProgressBar(options.title, total: state.steps)
    interpreter = try Interpreter(prepared)
    autocast = try options.autocast(for: prepared)
    leaves = try prepared.trainableLeaves()
    if options.precision == "f16" { scaler = LossScaler() }
    if let decay = options.ema { average = WeightAverage(decay: decay, try Self.averaged(of: prepared)) }
    if let path = options.resume { try resume(from: path) }
    state.lossScale = scaler?.scale
  }

  func run() throws -> (model: Model, history: [EpochRecord]) {
    defer { bar.end() }
    do {
      try call(\.onStart)
      while progress.epoch < options.epochs, !state.isStopped, !isOver { try epoch() }
      try finish()
      try call(\.onEnd)
    } catch let error as PareError where error.code == .interrupted && !state.isInterrupted {
      state.isInterrupted = true
      try Interrupt.held {
        try sync()
        if let path = options.checkpoint { try checkpoint().write(to: path) }
        // A callback that fails here would hide why the training ended.
        try? finish()
        try? call(\.onEnd)
      }
      throw error
    }
    try sync()
    return (state.model, state.history)
  }

  /// Whether validation has not got better for too long.
  private var isOver: Bool {
    guard let stop = options.earlyStop, let best else { return false }
    return progress.epoch - best.epoch >= stop.patience
  }

  private func epoch() throws {
    state.epoch = progress.epoch + 1
    while progress.batch < batchesPerEpoch, !state.isStopped {
      try Interrupt.check()
      try step()
      if let every = options.checkpointSteps, let path = options.checkpoint, state.step % every == 0 {
        try sync()
        try checkpoint().write(to: path)
      }
    }
    let record = try record()
    state.history.append(record)
    progress = Progress(epoch: progress.epoch + 1)
    if let value = try options.earlyStop?.improves(record, on: best) {
      best = EarlyStop.Best(epoch: record.epoch, value: value, model: try result())
    }
    log.add(record)
    try call(\.onEpoch)
    if let path = options.checkpoint {
      try sync()
      try checkpoint().write(to: path)
    }
    if let path = options.log { try log.write(to: path) }
  }

  // MARK: Steps

  private func nextBatch() throws -> Batch {
    if let batches { return try batches.next() }
    let made = try TrainingBatches(
      data.train, options, classes: data.classes.count, from: progress.epoch * batchesPerEpoch + progress.batch,
      epochs: options.epochs, perEpoch: batchesPerEpoch)
    batches = made
    return try made.next()
  }

  /// Loss and gradients of some batches, whose mean is what a step goes along.
  private struct Pass {
    var progress: Progress
    var statistics: [String: Tensor]
    var gradients: [String: Tensor] = [:]
    var loss = 0.0
    var batches = 0
  }

  private func step() throws {
    let index = progress.epoch * stepsPerEpoch + progress.batch / options.accumulate
    state.step = index + 1
    let learningRate = rate * schedule.factor(step: index, of: state.steps, warmup: warmup)
    var pass = Pass(progress: progress, statistics: statistics)
    state.gradients = [:]
    while pass.batches < options.accumulate, pass.progress.batch < batchesPerEpoch {
      try Interrupt.check()
      try add(nextBatch(), to: &pass, learningRate)
    }
    let loss = pass.loss / Double(pass.batches)
    let scale = Double(pass.batches) * (scaler?.scale ?? 1)
    state.gradients = scale == 1 ? pass.gradients : try pass.gradients.mapValues { try $0 * (1 / scale) }
    state.loss = loss
    state.optimizer.learningRate = learningRate
    let isFinite = try scaler == nil || loss.isFinite && LossScaler.isFinite(state.gradients)
    if isFinite { try call(\.beforeOptimizer) }

    let gradients = try options.clip.map { try GradientClipping.clipped(state.gradients, norm: $0) } ?? state.gradients
    // From here on nothing is interrupted until all of the step is in place: an interrupted step leaves no trace.
    if isFinite {
      letGo()
      try Interrupt.held {
        try state.optimizer.step(inPlace: &leaves, gradients)
        try average?.add(leaves.merging(pass.statistics) { leaf, _ in leaf })
      }
    } else {
      pass.progress.skipped += 1
    }
    try scaler?.update(finite: isFinite)
    if loss.isFinite { statistics = pass.statistics }
    (state.lossScale, state.skippedSteps) = (scaler?.scale, scaler?.skipped ?? 0)
    isAhead = true
    progress = pass.progress
    bar.update(index + 1, note: "loss \(Self.rounded(progress.meanLoss))  lr \(Self.rounded(learningRate))")
    if isFinite { try call(\.afterOptimizer) }
    try call(\.onStep)
  }

  /// Runs one batch forward and back.
  private func add(_ batch: Batch, to pass: inout Pass, _ learningRate: Double) throws {
    let number = progress.epoch * batchesPerEpoch + pass.progress.batch
    state.batch = batch
    let tracked = leaves.mapValues { $0.tracked() }
    let execution = try interpreter.run(
      [state.model.soleInput(): batch.x], taps: options.loss.taps, training: true,
      parameters: tracked.merging(pass.statistics) { leaf, _ in leaf }, seed: dropoutSeed(batch: number),
      autocast: autocast)
    var loss = try options.loss.value(execution, batch)
    guard loss.count == 1 else {
      throw PareError(
        .shape, "train: the loss \(options.loss.name)", argument: "loss", expected: "one element, such as a mean",
        got: "shape \(loss.shape)")
    }
    if let penalty = options.penalty { loss = try loss + penalty.value(projected(tracked), state.model) }
    let value = try loss.detached().item()
    guard value.isFinite || scaler != nil else {
      throw PareError(
        .notReached, "train: the loss at step \(state.step) of \(state.steps)", argument: "lr", expected: "a finite number",
        got: "\(value)", suggestion: "a lr below \(rate) may help")
    }
    let gradients = try (scaler.map { try loss * $0.scale } ?? loss).gradients(at: tracked, retainGraph: false)
    if pass.batches == 0 {
      pass.gradients = gradients
    } else {
      for (name, gradient) in gradients { pass.gradients[name] = try pass.gradients[name].map { try $0 + gradient } ?? gradient }
    }
    pass.statistics.merge(execution.statistics) { _, new in new }
    pass.loss += value
    pass.batches += 1
    pass.progress.add(loss: value, samples: batch.count, answers: try answers(execution, batch), rate: learningRate)
  }

  /// The tracked leaves as the forward pass sees them.
  private func projected(_ tracked: [String: Tensor]) throws -> [String: Tensor] {
    var seen: [String: Tensor] = [:]
    for (name, leaf) in tracked { seen[name] = try state.model.parameter(named: name).value.projected(leaf) }
    return seen
  }

  /// How many answers were right, of how many; nil where targets are no classes.
  private func answers(_ execution: Execution, _ batch: Batch) throws -> (counted: Int, correct: Int)? {
    guard execution.outputs.count == 1, let output = execution.outputs.values.first,
      try batch.isClassification(outputs: output)
    else { return nil }
    return try ClassificationTally.answers(output.detached(), batch)
  }

  private func dropoutSeed(batch number: Int) -> UInt64 {
    var random = RandomSource(seed: options.seed, name: "dropout.\(number)")
    return random.next()
  }

  private static func rounded(_ value: Double) -> String { "\((value * 1e4).rounded() / 1e4)" }

  // MARK: Epochs

  private func record() throws -> EpochRecord {
    try sync()
    var record = EpochRecord(
      epoch: state.epoch, lr: progress.rate, loss: progress.meanLoss,
      accuracy: progress.counted > 0 ? Double(progress.correct) / Double(progress.counted) : nil,
      skippedSteps: progress.skipped)
    guard options.validates, data.validation.count > 0 else { return record }
    let model = try averagedModel()
    if progress.counted > 0 {
      let evaluation = try evaluate(model, on: data.validation)
      record.validationLoss = evaluation.loss
      record.validationAccuracy = evaluation.accuracy
    } else {
      record.validationLoss = try validationLoss(of: model)
    }
    return record
  }

  /// The training loss over the validation part, without the tape.
  private func validationLoss(of model: Model) throws -> Double {
    let interpreter = try Interpreter(model)
    let batches = try data.validation.batches(size: 256)
    var sum = 0.0
    try Tensor.withoutGradient {
      for index in 0..<batches.count {
        try Interrupt.check()
        let batch = try batches[index]
        let execution = try interpreter.run([model.soleInput(): batch.x], taps: options.loss.taps)
        sum += try options.loss.value(execution, batch).item() * Double(batch.count)
      }
    }
    return sum / Double(data.validation.count)
  }

  func call(_ event: KeyPath<TrainingCallbacks, TrainingCallbacks.Callback?>) throws {
    let functions = callbacks.compactMap { $0[keyPath: event] }
    guard !functions.isEmpty else { return }
    try sync()
    let before = state.model
    for function in functions { try function(state) }
    if state.isReplaced { try reload(before) }
  }
}
