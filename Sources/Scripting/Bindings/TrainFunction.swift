import Compression
import Graph
import LuaBridge
import Support
import Tensor
import Training

/// `train`: its options, and several seeds.
extension TrainingFunctions {
  static let train = Function(
    "train", [.model("model", doc: "A model, or function(seed) return model end"), .table("data", doc: "A data set")],
    options: [
      .integer("epochs", default: 1, in: 0...), .integer("batch", default: 64, in: 1...),
      .choice("optimizer", among: Optimizers.names, default: "sgd"), lr, momentum,
      .boolean("nesterov", default: false), decay,
      .choice("schedule", among: LearningRateSchedule.names, default: "cosine"),
      .number("warmup", default: 0, in: 0..., doc: "Epochs"), .number("clip", optional: true, doc: "Most that the gradients' norm may be"),
      .integer("accumulate", default: 1, in: 1..., doc: "Batches whose gradients are averaged before each step"),
      .boolean("shuffle", default: true, doc: "Another order in each epoch; false: file order"),
      .list("augment", default: [], doc: "\"flip\", {\"crop\", pad=4}, {\"cutout\", size=8}, {\"mixup\", alpha=0.2}"),
      .string("loss", default: "cross_entropy", doc: "cross_entropy, mse, or function(outputs, labels) return loss end"),
      TrainingOptions.regularizerParameter,
      .number("label_smoothing", default: 0, in: 0..<1, doc: "Of cross_entropy: the share spread over all classes"),
      .choice("precision", among: ["f32", "bf16", "f16"], default: "f32", doc: "Of convolutions and products; all else is f32"),
      .list("keep_f32", default: [], doc: "Layers that stay in f32"),
      .number("ema", optional: true, doc: "Decay of the average of weights that is validated and returned: 0.999"),
      .table("early_stop", optional: true, doc: "{patience=5, metric=\"loss\", restore_best=true, min_delta=0}, on validation"),
      .integer("seed", default: 0, in: 0...), .integer("runs", default: 1, in: 1..., doc: "Seeds seed, seed + 1, ..."),
      .string("checkpoint", optional: true, doc: "File written after each epoch"),
      .integer("checkpoint_steps", in: 1..., optional: true, doc: "Writes the checkpoint after so many steps as well"),
      .string("resume", optional: true, doc: "File to go on from"),
      .string("log", optional: true, doc: "File that gets a line of JSON for each epoch"),
      .table("callbacks", optional: true, doc: "Functions of t: " + events.joined(separator: ", ")),
    ],
    "Trains a model: the trained model and a record for each epoch; with runs=n lists of both, and mean and std of the last records",
    example: "m, history = train(net, d, {epochs=4, batch=32, lr=0.05, seed=0})"
  ) { call in
    let data = try DataTypes.dataset(call.value(2), in: "train")
    let (given, raw) = try call.options(raw: ["callbacks", "loss"])
    var options = try options(given, call.environment)
    options.loss = try loss(raw["loss"], smoothing: given.number("label_smoothing"), call.environment)
    let callbacks = try raw["callbacks"].map { try [TrainingFunctions.callbacks($0, call.environment)] } ?? []
    let runs = try given.integer("runs")
    guard runs > 1 else {
      let (trained, history) = try run(model(call, seed: options.seed), data, options, callbacks)
      _ = try call.push(trained)
      try call.lua.push(Tables.history(history, call.state))
      return 2
    }
    let models = call.state.table(), histories = call.state.table()
    var last: [EpochRecord] = []
    for index in 0..<runs {
      var own = options
      own.seed = options.seed &+ UInt64(index)
      // Each seed has files of its own.
      func named(_ path: String?) -> String? { path.map { "\($0).\(own.seed)" } }
      (own.checkpoint, own.resume, own.log) = (named(options.checkpoint), named(options.resume), named(options.log))
      own.title = "train, seed \(own.seed)"
      let (trained, history) = try run(model(call, seed: own.seed), data, own, callbacks)
      try models.set(index + 1, call.state.value(object: ModelHandle(trained), bytes: trained.heldBytes))
      try histories.set(index + 1, Tables.history(history, call.state))
      if let record = history.last { last.append(record) }
    }
    try call.lua.push(.table(models))
    try call.lua.push(.table(histories))
    try call.lua.push(spread(last, seeds: (0..<runs).map { Int(truncatingIfNeeded: options.seed) &+ $0 }, call.state))
    return 3
  }

  /// The model to train: the one given, or what the function gives for the seed.
  private static func model(_ call: Call, seed: UInt64) throws -> Model {
    guard case .function(let make) = call.value(1) else { return try call.model(1) }
    let results = try call.state.call(make, [.integer(Int(truncatingIfNeeded: seed))])
    if case .object(let object)? = results.first, let handle = try object.object(as: ModelHandle.self) { return handle.model }
    throw PareError(
      .argument, "train: the function of the seed returned no model", argument: "model", expected: "a model",
      got: results.first?.typeName ?? "nothing")
  }

  /// Mean and standard deviation (n - 1) of what all the last records know.
  private static func spread(_ records: [EpochRecord], seeds: [Int], _ state: LuaState) throws -> LuaValue {
    let mean = state.table(), deviation = state.table()
    let fields: [(String, (EpochRecord) -> Double?)] = [
      ("loss", { $0.loss }), ("accuracy", { $0.accuracy }), ("validation_loss", { $0.validationLoss }),
      ("validation_accuracy", { $0.validationAccuracy }),
    ]
    for (name, value) in fields {
      let values = records.compactMap(value)
      guard values.count == seeds.count else { continue }
      let spread = Spread(values)
      try mean.set(name, .number(spread.mean))
      try deviation.set(name, .number(spread.deviation))
    }
    return try Conversion.record(
      state, ["mean": .table(mean), "std": .table(deviation), "seeds": .table(Conversion.list(seeds, state) { .integer($0) })])
  }

  // `train` is also the name of the declaration above.
  private static func run(
    _ model: Model, _ data: Dataset, _ options: TrainingOptions, _ callbacks: [TrainingCallbacks]
  ) throws -> (Model, [EpochRecord]) {
    let result = try Training::train(model, on: data, options, callbacks: callbacks)
    return (result.model, result.history)
  }

  // MARK: Options

  private static func options(_ given: Arguments, _ environment: ScriptEnvironment) throws -> TrainingOptions {
    var options = TrainingOptions()
    options.epochs = try given.integer("epochs")
    options.batch = try given.integer("batch")
    options.optimizer = try given.string("optimizer")
    options.lr = try given.optionalNumber("lr")
    options.momentum = try given.number("momentum")
    options.nesterov = try given.boolean("nesterov")
    options.weightDecay = try given.number("weight_decay")
    options.schedule = try given.string("schedule")
    options.warmup = try given.number("warmup")
    options.penalty = try TrainingOptions.penalty(given)
    options.clip = try given.optionalNumber("clip")
    options.accumulate = try given.integer("accumulate")
    options.shuffle = try given.boolean("shuffle")
    options.augment = try given.list("augment").map(augmentation)
    options.precision = try given.string("precision")
    options.keepF32 = try given.strings("keep_f32")
    options.ema = try given.optionalNumber("ema")
    options.earlyStop = try given.optionalTable("early_stop").map(earlyStop)
    options.seed = UInt64(try given.integer("seed"))
    options.checkpoint = try given.optionalString("checkpoint").map { try environment.writable($0) }
    options.checkpointSteps = try given.optionalInteger("checkpoint_steps")
    if options.checkpointSteps != nil, options.checkpoint == nil {
      throw PareError(.argument, "train: checkpoint_steps", argument: "checkpoint", expected: "the checkpoint's file", got: "nothing")
    }
    options.resume = try given.optionalString("resume").map { try environment.readable($0) }
    options.log = try given.optionalString("log").map { try environment.writable($0) }
    return options
  }

  /// `"flip"` or `{"crop", pad=4}`.
  private static func augmentation(_ value: Value) throws -> any Augmentation {
    let refused = PareError(
      .argument, "train: augment", argument: "augment", expected: "names, or {\"crop\", pad=4}", got: value.brief)
    if let name = value.asString { return try Augmentations.make(name) }
    guard let table = value.asTable, table.items.count == 1, let name = table.items[0].asString else { throw refused }
    var parameters: [String: Double] = [:]
    for (key, value) in table.fields {
      guard let number = value.asNumber else {
        throw PareError(
          .argument, "train: \(key) of augmentation '\(name)'", argument: key, expected: "a number", got: value.brief)
      }
      parameters[key] = number
    }
    return try Augmentations.make(name, parameters)
  }

  private static let stopEntry = Entry(
    name: "early_stop", summary: "When a training ends before its last epoch",
    parameters: [
      .integer("patience", default: 5, in: 1..., doc: "Epochs without a better value"),
      .choice("metric", among: EarlyStop.Metric.allCases.map(\.rawValue), default: "loss", doc: "On the validation part"),
      .boolean("restore_best", default: true, doc: "Return the best epoch's model"),
      .number("min_delta", default: 0, in: 0..., doc: "What a better value must differ by"),
    ])

  private static func earlyStop(_ table: ValueTable) throws -> EarlyStop {
    guard table.items.isEmpty else {
      throw PareError(
        .argument, "train: early_stop", argument: "early_stop", expected: "{patience=, metric=, restore_best=, min_delta=}",
        got: "a list")
    }
    let given = try Arguments(stopEntry, Dictionary(uniqueKeysWithValues: table.fields.map { ($0.key, $0.value) }))
    var stop = EarlyStop()
    stop.patience = try given.integer("patience")
    stop.metric = EarlyStop.Metric(rawValue: try given.string("metric")) ?? .loss
    stop.restoresBest = try given.boolean("restore_best")
    stop.minDelta = try given.number("min_delta")
    return stop
  }

  private static func loss(_ value: LuaValue?, smoothing: Double, _ environment: ScriptEnvironment) throws -> TrainingLoss {
    let isCrossEntropy =
      switch value {
      case nil, .string("cross_entropy")?: true
      default: false
      }
    guard smoothing == 0 || isCrossEntropy else {
      throw PareError(
        .argument, "train: label_smoothing", argument: "label_smoothing", expected: "the loss cross_entropy", got: "another loss")
    }
    switch value {
    case nil, .string("cross_entropy")?: return .crossEntropy(smoothing: smoothing)
    case .string("mse")?: return .mse()
    case .function(let function)?:
      let source = FunctionValue(source: try environment.source(of: function)) { _ in [] }
      return TrainingLoss(name: "function \(source.hash)") { [unowned environment] execution, batch in
        let state = environment.state
        func handle(_ tensor: Tensor) throws -> LuaValue {
          try state.value(object: TensorHandle(tensor), bytes: tensor.byteCount)
        }
        let output = try execution.outputs.count == 1 ? handle(execution.output()) : ModelType.table(execution.outputs, state)
        return try TensorMethods.tensor(
          state.call(function, [output, handle(batch.targets)]).first ?? .null, "the loss of train")
      }
    case .string(let name)?:
      throw PareError(
        .notFound, "train: no loss '\(name)'", argument: "loss", expected: "cross_entropy, mse or a function", got: "'\(name)'",
        suggestion: Suggestion.didYouMean(name, among: ["cross_entropy", "mse"]))
    case let other?:
      throw PareError(.argument, "train: loss", argument: "loss", expected: "a name or a function", got: other.typeName)
    }
  }
}
