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
/// - Returns: the trained model, and a record of each epoch.
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
  private let data: Dataset
  private let options: TrainingOptions
  private let callbacks: [TrainingCallbacks]
  private let schedule: LearningRateSchedule
  /// The learning rate at the schedule's height.
  private let rate: Double
  private let stepsPerEpoch: Int
  private let warmup: Int
  /// What a checkpoint must agree on with the run that goes on from it.
  private let identity: [String: String]
  private let state: TrainingState
  private let bar: ProgressBar

  private var interpreter: Interpreter
  /// What the optimizer moves, not tracked.
  private var leaves: [String: Tensor]
  /// Running statistics, by parameter name; what is not here is still the interpreter's.
  private var statistics: [String: Tensor] = [:]
  /// Whether `leaves` and `statistics` are ahead of the model in `state`.
  private var isAhead = false
  private var progress = Progress()

  init(_ model: Model, _ data: Dataset, _ options: TrainingOptions, _ callbacks: [TrainingCallbacks]) throws {
    try data.train.refuseTest(for: "train")
    guard data.train.count > 0 else {
      throw PareError(.argument, "train: data set '\(data.name)'", argument: "data", expected: "training samples", got: "none")
    }
    self.data = try data.normalized(for: model)
    self.options = options
    self.callbacks = callbacks
    schedule = try LearningRateSchedule.named(options.schedule)
    stepsPerEpoch = try data.train.batches(size: options.batch).count
    warmup = Int((options.warmup * Double(stepsPerEpoch)).rounded())
    let (steps, overflow) = stepsPerEpoch.multipliedReportingOverflow(by: options.epochs)
    guard !overflow else {
      throw PareError(.argument, "train", argument: "epochs", expected: "a number of steps that fits", got: "\(options.epochs)")
    }
    let optimizer = try Optimizers.make(
      options.optimizer, learningRate: options.lr, momentum: options.momentum, nesterov: options.nesterov,
      weightDecay: options.weightDecay)
    rate = optimizer.learningRate
    let prepared = try Self.prepared(model, for: self.data)
    identity = try Self.identity(prepared, self.data, options, rate)
    state = TrainingState(model: prepared, steps: steps, optimizer: optimizer)
    interpreter = try Interpreter(prepared)
    leaves = try prepared.trainableLeaves()
    bar = ProgressBar(options.title, total: steps)
    if let path = options.resume { try resume(from: path) }
  }

  /// Returns `model` with the sizes of its input and the normalization, as far as the data knows them.
  private static func prepared(_ model: Model, for data: Dataset) throws -> Model {
    var model = model.with(inputShapes: [try model.soleInput(): [0] + data.inputShape])
    if let normalization = data.normalization { model.normalization = normalization }
    return model
  }

  func run() throws -> (model: Model, history: [EpochRecord]) {
    defer { bar.end() }
    do {
      try call(\.onStart)
      while progress.epoch < options.epochs, !state.isStopped { try epoch() }
      try call(\.onEnd)
    } catch let error as PareError where error.code == .interrupted && !state.isInterrupted {
      state.isInterrupted = true
      try sync()
      if let path = options.checkpoint { try checkpoint().write(to: path) }
      // A callback that fails here would hide why the training ended.
      try? call(\.onEnd)
      throw error
    }
    try sync()
    return (state.model, state.history)
  }

  private func epoch() throws {
    state.epoch = progress.epoch + 1
    let batches = try data.train.batches(size: options.batch, shuffle: true, seed: options.seed, epoch: progress.epoch)
    while progress.batch < batches.count, !state.isStopped {
      try Interrupt.check()
      try step(batches[progress.batch])
      if let every = options.checkpointSteps, let path = options.checkpoint, state.step % every == 0 {
        try sync()
        try checkpoint().write(to: path)
      }
    }
    let record = try record()
    state.history.append(record)
    progress = Progress(epoch: progress.epoch + 1)
    try call(\.onEpoch)
    if let path = options.checkpoint {
      try sync()
      try checkpoint().write(to: path)
    }
  }

  private func step(_ samples: Batch) throws {
    let index = progress.epoch * stepsPerEpoch + progress.batch
    state.step = index + 1
    let batch = try Augmentation.applied(options.augment, to: samples, seed: options.seed, step: index)
    state.batch = batch
    let tracked = leaves.mapValues { $0.tracked() }
    let execution = try interpreter.run(
      [state.model.soleInput(): batch.x], taps: options.loss.taps, training: true,
      parameters: tracked.merging(statistics) { leaf, _ in leaf }, seed: dropoutSeed(step: index))
    let loss = try options.loss.value(execution, batch)
    let value = try loss.detached().item()
    guard value.isFinite else {
      throw PareError(
        .notReached, "train: the loss at step \(index + 1) of \(state.steps)", argument: "lr", expected: "a finite number",
        got: "\(value)", suggestion: "a lr below \(rate) may help")
    }
    state.gradients = try loss.gradients(at: tracked)
    state.loss = value
    state.optimizer.learningRate = rate * schedule.factor(step: index, of: state.steps, warmup: warmup)
    try call(\.beforeOptimizer)

    var optimizer = state.optimizer
    let gradients = try options.clip.map { try GradientClipping.clipped(state.gradients, norm: $0) } ?? state.gradients
    // Nothing below throws until all of the step is in place: an interrupted step leaves no trace.
    let correct = try correctAnswers(execution, batch)
    leaves = try optimizer.step(leaves, gradients)
    state.optimizer = optimizer
    statistics.merge(execution.statistics) { _, new in new }
    isAhead = true
    progress.add(loss: value, samples: batch.count, correct: correct, rate: optimizer.learningRate)
    bar.update(index + 1, note: "loss \(Self.rounded(progress.meanLoss))  lr \(Self.rounded(optimizer.learningRate))")
    try call(\.afterOptimizer)
    try call(\.onStep)
  }

  /// The number of right answers; nil where targets are no classes.
  private func correctAnswers(_ execution: Execution, _ batch: Batch) throws -> Int? {
    guard execution.outputs.count == 1, let output = execution.outputs.values.first,
      try batch.isClassification(outputs: output)
    else { return nil }
    var tally = ClassificationTally()
    try tally.add(output.detached(), batch)
    return tally.correct
  }

  private func dropoutSeed(step: Int) -> UInt64 {
    var random = RandomSource(seed: options.seed, name: "dropout.\(step)")
    return random.next()
  }

  // MARK: Epochs

  private func record() throws -> EpochRecord {
    try sync()
    var record = EpochRecord(
      epoch: state.epoch, lr: progress.rate, loss: progress.meanLoss,
      accuracy: progress.counted > 0 ? Double(progress.correct) / Double(progress.counted) : nil)
    guard options.validates, data.validation.count > 0 else { return record }
    if progress.counted > 0 {
      let evaluation = try evaluate(state.model, on: data.validation)
      record.validationLoss = evaluation.loss
      record.validationAccuracy = evaluation.accuracy
    } else {
      record.validationLoss = try validationLoss()
    }
    return record
  }

  /// The training loss over the validation part, without the tape.
  private func validationLoss() throws -> Double {
    let interpreter = try Interpreter(state.model)
    let batches = try data.validation.batches(size: 256)
    var sum = 0.0
    try Tensor.withoutGradient {
      for index in 0..<batches.count {
        let batch = try batches[index]
        let execution = try interpreter.run([state.model.soleInput(): batch.x], taps: options.loss.taps)
        sum += try options.loss.value(execution, batch).item() * Double(batch.count)
      }
    }
    return sum / Double(data.validation.count)
  }

  // MARK: The model that others see

  private func call(_ event: KeyPath<TrainingCallbacks, TrainingCallbacks.Callback?>) throws {
    let functions = callbacks.compactMap { $0[keyPath: event] }
    guard !functions.isEmpty else { return }
    try sync()
    let before = state.model
    for function in functions { try function(state) }
    if state.isReplaced { try reload(before) }
  }

  /// Brings the model in `state` up to what was learned.
  private func sync() throws {
    guard isAhead else { return }
    var model = state.model
    for (name, leaf) in leaves {
      guard let parameter = model.parameters[name] else { continue }
      model.parameters[name]?.value = try parameter.value.updated(from: leaf)
    }
    for (name, value) in statistics { model.parameters[name]?.value = DenseRepresentation(value) }
    state.model = model
    state.isReplaced = false
    isAhead = false
  }

  /// Goes on with the model that a callback put in the place of `old`.
  private func reload(_ old: Model) throws {
    state.model = try Self.prepared(state.model, for: data)
    state.isReplaced = false
    var next = try state.model.trainableLeaves()
    for name in next.keys {
      if let leaf = leaves[name], let before = old.parameters[name], let now = state.model.parameters[name],
        try isLatent(leaf, of: before.value, and: now.value) { next[name] = leaf }
    }
    leaves = next
    statistics = [:]
    interpreter = try Interpreter(state.model)
  }

  /// Whether a leaf holds what the stored value has rounded away, and still belongs to the value `now`.
  ///
  /// An integer parameter moves by less than its grid in most steps: its leaf must outlive a look at the model.
  private func isLatent(_ leaf: Tensor, of before: any Representation, and now: any Representation) throws -> Bool {
    if now is DenseRepresentation || now is MaskedRepresentation || now is CSRRepresentation { return false }
    guard type(of: before).kind == type(of: now).kind, before.label == now.label, before.shape == now.shape else {
      return false
    }
    return try before.dense().values(as: Float.self) == now.dense().values(as: Float.self)
  }

  private static func rounded(_ value: Double) -> String { "\((value * 1e4).rounded() / 1e4)" }

  // MARK: Checkpoints

  private static func identity(
    _ model: Model, _ data: Dataset, _ options: TrainingOptions, _ rate: Double
  ) throws -> [String: String] {
    guard options.checkpoint != nil || options.resume != nil else { return [:] }
    return [
      "model": try model.hash(), "data": data.name, "samples": "\(data.train.count)", "epochs": "\(options.epochs)",
      "batch": "\(options.batch)", "optimizer": options.optimizer, "lr": "\(rate)", "momentum": "\(options.momentum)",
      "nesterov": "\(options.nesterov)", "weight_decay": "\(options.weightDecay)", "schedule": options.schedule,
      "warmup": "\(options.warmup)", "clip": options.clip.map { "\($0)" } ?? "none", "seed": "\(options.seed)",
      "augment": options.augment.joined(separator: " "), "taps": options.loss.taps.joined(separator: " "),
    ]
  }

  private func checkpoint() -> Checkpoint {
    Checkpoint(
      identity: identity, model: state.model, leaves: leaves, optimizer: state.optimizer.state, progress: progress,
      history: state.history)
  }

  private func resume(from path: String) throws {
    let saved = try Checkpoint(path)
    for (name, value) in identity.sorted(by: { $0.key < $1.key }) where saved.identity[name] != value {
      throw PareError(
        .argument, "resume: '\(name)' differs from the checkpoint's", argument: name,
        expected: saved.identity[name] ?? "nothing", got: value, file: path)
    }
    guard saved.progress.epoch <= options.epochs, saved.progress.batch <= stepsPerEpoch else {
      throw PareError(
        .format, "resume: the position", expected: "at most epoch \(options.epochs), step \(stepsPerEpoch)",
        got: "\(saved.progress.epoch), \(saved.progress.batch)", file: path)
    }
    state.model = saved.model
    state.isReplaced = false
    state.optimizer.state = saved.optimizer
    state.history = saved.history
    progress = saved.progress
    state.epoch = saved.history.count
    state.step = progress.epoch * stepsPerEpoch + progress.batch
    leaves = saved.leaves
    interpreter = try Interpreter(saved.model)
  }
}

/// Where a training is, and what the epoch in progress has seen.
struct Progress: Equatable {
  /// Finished epochs.
  var epoch = 0
  /// Finished batches of the epoch in progress.
  var batch = 0
  var lossSum = 0.0
  var samples = 0
  /// Samples with a class, and those answered right.
  var counted = 0
  var correct = 0
  /// The learning rate of the epoch's first step.
  var rate = 0.0

  var meanLoss: Double { samples > 0 ? lossSum / Double(samples) : 0 }

  mutating func add(loss: Double, samples: Int, correct: Int?, rate: Double) {
    if batch == 0 { self.rate = rate }
    batch += 1
    lossSum += loss * Double(samples)
    self.samples += samples
    if let correct {
      counted += samples
      self.correct += correct
    }
  }
}
