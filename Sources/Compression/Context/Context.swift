import Graph
import Support
import Tensor
import Training

/// What a method has at hand while it runs: data, random numbers, the models before it, and services whose outcome
/// goes into the step's result.
///
/// Belongs to one step of one run; not to be shared between threads.
public final class Context {
  /// The seed of the run.
  public let seed: UInt64
  /// Random numbers of this step, drawn from the seed and the step's position.
  public var rng: RandomSource
  /// The model before the first step of the recipe.
  public let baseline: Model
  /// The model that was given to this step.
  public let input: Model
  /// The statistics that the running method declared.
  public let needs: Statistics
  /// Callbacks of this method and of the steps before it; `train` runs them.
  public let callbacks: [TrainingCallbacks]

  let method: String
  let step: Int
  private let guarded: Dataset?
  /// What the step leaves for its result.
  var record = StepRecord()
  private var bar: ProgressBar?
  /// Where trainings keep their checkpoints, without the number of the training; nil: nowhere.
  var journal: String?
  private var trainings = 0

  /// - Parameters:
  ///   - model: the model given to the step.
  ///   - baseline: the model before the first step; the same one when nil.
  ///   - data: the test part is closed: reading it inside a method is an error.
  ///   - step: position in the recipe, from 1.
  public init(
    _ model: Model, baseline: Model? = nil, data: Dataset? = nil, seed: UInt64 = 0, step: Int = 1, method: String = "",
    needs: Statistics = [], callbacks: [TrainingCallbacks] = []
  ) throws {
    input = model
    self.baseline = baseline ?? model
    self.seed = seed
    self.step = step
    self.method = method
    self.needs = needs
    self.callbacks = callbacks
    rng = RandomSource(seed: seed, name: "step.\(step).\(method)")
    guarded = try data.map { try $0.normalized(for: model).closingTest(for: method) }
  }

  /// The data: train and validation parts. The test part throws when it is read.
  ///
  /// - Throws: `argument` when the caller gave none.
  public var data: Dataset {
    get throws {
      if let guarded { return guarded }
      throw PareError(
        .argument, "\(method.isEmpty ? "this step" : method) needs data", argument: "data",
        suggestion: "pass data=data.load(...)")
    }
  }

  /// True when the caller gave data.
  public var hasData: Bool { guarded != nil }

  /// Random numbers that belong to `name` (a layer), whatever was drawn before.
  public func random(for name: String) -> RandomSource { RandomSource(seed: seed, name: "step.\(step).\(method).\(name)") }
}

// MARK: Services

extension Context {
  /// Measures a model on the validation part.
  public func evaluate(_ model: Model) throws -> Evaluation { try evaluation(of: model, on: data.validation) }

  /// Streams `samples` calibration samples through the model and returns what the method's `needs` ask for, per layer.
  public func calibrate(_ model: Model, _ samples: Int = 512) throws -> [LayerView] {
    try statistics(of: model, needs: needs, samples: samples)
  }

  /// Trains on the training part, with the callbacks of this method and of the steps before it in force.
  ///
  /// The history is kept for the report.
  public func train(_ model: Model, _ options: TrainingOptions, callbacks more: [TrainingCallbacks] = []) throws -> Model {
    var options = options
    trainings += 1
    // Callbacks may remember things that no checkpoint holds: such a training starts over.
    if let journal, callbacks.isEmpty, more.isEmpty {
      let checkpoint = "\(journal)-\(trainings)"
      options.checkpoint = checkpoint
      if Folders.exists(checkpoint) { options.resume = checkpoint }
    }
    let trained = try trainedModel(model, on: data, options, callbacks + more)
    record.history += trained.history
    return trained.model
  }

  /// Says that a layer was left alone, and why; it is listed in the result.
  public func skip(_ layer: String, _ reason: String) {
    let skip = Skip(layer: layer, reason: reason)
    if !record.skipped.contains(skip) { record.skipped.append(skip) }
  }

  /// Adds a line to the step's log, and shows it.
  public func log(_ text: String) {
    record.log.append(text)
    Console.note("\(method): \(text)")
  }

  /// Shows how far the step is: `done` of `total` units of work.
  public func progress(_ done: Int, _ total: Int) {
    if bar == nil { bar = ProgressBar(method, total: total) }
    bar?.update(done)
    if done >= total {
      bar?.end()
      bar = nil
    }
  }

  /// True once Ctrl-C asked for an end; `try Interrupt.check()` throws it.
  public var isCancelled: Bool { Interrupt.isRequested }

  /// Throws `not_reached` unless `reached` is at least `asked`, up to `tolerance`.
  public func require(_ what: String, asked: Double, reached: Double, tolerance: Double = 1e-9) throws {
    guard reached + tolerance < asked else { return }
    throw PareError(
      .notReached, "the \(what) asked for was not reached", expected: Value.text(of: asked), got: Value.text(of: reached),
      suggestion: record.skipped.isEmpty ? nil : "\(record.skipped.count) layers were left alone: "
        + record.skipped.prefix(3).map { "\($0.layer) (\($0.reason))" }.joined(separator: ", "))
  }

  /// Leaves a front for the step's result.
  public func publish(_ front: Front) { record.front = front }
}

/// What a step leaves behind beside its model.
struct StepRecord {
  var skipped: [Skip] = []
  var log: [String] = []
  var history: [EpochRecord] = []
  var front: Front?
  /// The masked form of a structurally pruned model: what each layer's error is measured on where shapes changed.
  var masked: Model?
  var shrunk: [ShrunkCheck] = []
}

// The names of these functions are taken inside `Context`.
func evaluation(of model: Model, on part: DataPart, metric: ((Tensor, Tensor) throws -> Double)? = nil) throws -> Evaluation {
  try evaluate(model, on: part, metric: metric)
}

func trainedModel(
  _ model: Model, on data: Dataset, _ options: TrainingOptions, _ callbacks: [TrainingCallbacks]
) throws -> (model: Model, history: [EpochRecord]) {
  try train(model, on: data, options, callbacks: callbacks)
}

extension Dataset {
  /// The same data with a test part that throws when a sample of it is read.
  func closingTest(for method: String) throws -> Dataset {
    let closed = try DataPart(.test, count: test.count) { _ in
      throw PareError(
        .argument, "data.test is read inside a method", argument: "data.test", expected: "train or validation",
        suggestion: "whatever decides sees validation only")
    }
    return try Dataset(name: name, train: train, validation: validation, test: closed, classes: classes)
  }
}
