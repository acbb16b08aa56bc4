import Compression
import Graph
import LuaBridge
import Support
import Tensor
import Training

/// `train`, callbacks, `optimizer.*`.
enum TrainingFunctions {
  static func register(in environment: ScriptEnvironment) throws {
    var state = LuaType<TrainingStateHandle>("training state")
    state.methods = environment.declare([
      Function("t:stop", "Ends the training after this step") { call in
        try call.receiver(TrainingStateHandle.self).state.stop()
        return 0
      }
    ])
    state.properties = [
      ("model", { handle, call in
        try call.push(object: ModelHandle(handle.state.model), bytes: handle.state.model.heldBytes)
        return 1
      }),
      ("grads", { handle, call in try call.push(ModelType.table(handle.state.gradients, call.state)); return 1 }),
      ("batch", { handle, call in
        try call.push(handle.state.batch.map { try DataTypes.batch($0, call.state) } ?? .null)
        return 1
      }),
      ("loss", { handle, call in try call.push(handle.state.loss.map(LuaValue.number) ?? .null); return 1 }),
      ("epoch", { handle, call in call.push(handle.state.epoch); return 1 }),
      ("step", { handle, call in call.push(handle.state.step); return 1 }),
      ("steps", { handle, call in call.push(handle.state.steps); return 1 }),
      ("optimizer", { handle, call in try call.push(object: OptimizerHandle(handle.state.optimizer)); return 1 }),
      ("history", { handle, call in try call.push(Tables.history(handle.state.history, call.state)); return 1 }),
    ]
    state.metamethods = [
      ("__tostring", { call in
        guard let handle: TrainingStateHandle = call.object(1) else { throw PareError(.argument, "not a training state") }
        call.push("training: epoch \(handle.state.epoch), step \(handle.state.step) of \(handle.state.steps)")
        return 1
      })
    ]
    try environment.state.register(state)

    var optimizer = LuaType<OptimizerHandle>("optimizer")
    optimizer.methods = environment.declare([
      Function("opt:step", [.model("model"), .table("grads")], "The model after one step along the gradients", example: "m = opt:step(m, grads)") { call in
        let handle: OptimizerHandle = try call.receiver()
        return try call.push(handle.optimizer.step(call.model(1), gradients(.table(call.table(2)), in: "opt:step")))
      }
    ])
    optimizer.properties = [
      ("lr", { handle, call in call.push(handle.optimizer.learningRate); return 1 }),
      ("name", { handle, call in call.push(handle.optimizer.name); return 1 }),
    ]
    optimizer.metamethods = [
      ("__tostring", { call in
        guard let handle: OptimizerHandle = call.object(1) else { throw PareError(.argument, "not an optimizer") }
        call.push("optimizer \(handle.optimizer.name), lr \(handle.optimizer.learningRate)")
        return 1
      })
    ]
    try environment.state.register(optimizer)
  }

  private static let lr = ParameterSpec.number("lr", in: 0..., optional: true, doc: "Learning rate; sgd 0.05, adam and adamw 0.001")
  private static let momentum = ParameterSpec.number("momentum", default: 0.9, in: 0..., doc: "Of sgd")
  private static let decay = ParameterSpec.number("weight_decay", default: 0, in: 0...)

  static var optimizers: [Function] {
    Optimizers.names.map { name in
      Function(
        "optimizer." + name, options: name == "sgd" ? [lr, momentum, decay, .boolean("nesterov", default: false)] : [lr, decay],
        style: .table, "An optimizer for a loop of your own", example: "opt = optimizer.\(name){lr=0.1}; m = opt:step(m, grads)"
      ) { call in
        let options = try call.options()
        let optimizer =
          name == "sgd"
          ? try Optimizers.make(
            name, learningRate: options.optionalNumber("lr"), momentum: options.number("momentum"),
            nesterov: options.boolean("nesterov"), weightDecay: options.number("weight_decay"))
          : try Optimizers.make(name, learningRate: options.optionalNumber("lr"), weightDecay: options.number("weight_decay"))
        try call.lua.push(object: OptimizerHandle(optimizer))
        return 1
      }
    }
  }

  /// The names of the six callbacks.
  static let events = ["on_start", "on_epoch", "on_step", "before_optimizer", "after_optimizer", "on_end"]

  static let train = Function(
    "train", [.model("model"), .table("data", doc: "A data set")],
    options: [
      .integer("epochs", default: 1, in: 0...), .integer("batch", default: 64, in: 1...),
      .choice("optimizer", among: Optimizers.names, default: "sgd"), lr, momentum,
      .boolean("nesterov", default: false), decay,
      .choice("schedule", among: LearningRateSchedule.names, default: "cosine"),
      .number("warmup", default: 0, in: 0..., doc: "Epochs"), .number("clip", optional: true, doc: "Most that the gradients' norm may be"),
      .list("augment", default: [], doc: "flip, crop"),
      .string("loss", default: "cross_entropy", doc: "cross_entropy, mse, or function(outputs, labels) return loss end"),
      .number("smoothing", default: 0, in: 0..<1, doc: "Label smoothing of cross_entropy"),
      .choice("precision", among: ["f32", "bf16", "f16"], default: "f32"), .integer("seed", default: 0, in: 0...),
      .string("checkpoint", optional: true, doc: "File written after each epoch"), .string("resume", optional: true, doc: "File to go on from"),
      .table("callbacks", optional: true, doc: "Functions of t: " + events.joined(separator: ", ")),
    ], "Trains a model: the trained model and a record for each epoch",
    example: "m, history = train(net, d, {epochs=4, batch=32, lr=0.05, seed=0})"
  ) { call in
    let model = try call.model(1)
    let data = try DataTypes.dataset(call.value(2), in: "train")
    let (given, raw) = try call.options(raw: ["callbacks", "loss"])
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
    options.clip = try given.optionalNumber("clip")
    options.augment = try given.list("augment").map { value in
      guard let name = value.asString else {
        throw PareError(.argument, "train: augment", argument: "augment", expected: "a list of names", got: value.brief)
      }
      return name
    }
    options.precision = try given.string("precision")
    options.seed = UInt64(try given.integer("seed"))
    options.checkpoint = try given.optionalString("checkpoint").map { try call.environment.writable($0) }
    options.resume = try given.optionalString("resume").map { try call.environment.readable($0) }
    options.loss = try loss(raw["loss"], smoothing: given.number("smoothing"), call.environment)
    let callbacks = try raw["callbacks"].map { try [TrainingFunctions.callbacks($0, call.environment)] } ?? []
    let (trained, history) = try run(model, data, options, callbacks)
    _ = try call.push(trained)
    try call.lua.push(Tables.history(history, call.state))
    return 2
  }

  // `train` is also the name of the declaration above.
  private static func run(
    _ model: Model, _ data: Dataset, _ options: TrainingOptions, _ callbacks: [TrainingCallbacks]
  ) throws -> (Model, [EpochRecord]) {
    let result = try Training::train(model, on: data, options, callbacks: callbacks)
    return (result.model, result.history)
  }

  private static func loss(_ value: LuaValue?, smoothing: Double, _ environment: ScriptEnvironment) throws -> TrainingLoss {
    switch value {
    case nil, .string("cross_entropy")?: return .crossEntropy(smoothing: smoothing)
    case .string("mse")?: return .mse()
    case .function(let function)?:
      return TrainingLoss { [unowned environment] execution, batch in
        let state = environment.state
        func handle(_ tensor: Tensor) throws -> LuaValue {
          try state.value(object: TensorHandle(tensor), bytes: tensor.byteCount)
        }
        let output = try execution.outputs.count == 1 ? handle(execution.output()) : ModelType.table(execution.outputs, state)
        return try TensorMethods.tensor(state.call(function, [output, handle(batch.y)]).first ?? .null, "the loss of train")
      }
    case .string(let name)?:
      throw PareError(
        .notFound, "train: no loss '\(name)'", argument: "loss", expected: "cross_entropy, mse or a function", got: "'\(name)'",
        suggestion: Suggestion.didYouMean(name, among: ["cross_entropy", "mse"]))
    case let other?:
      throw PareError(.argument, "train: loss", argument: "loss", expected: "a name or a function", got: other.typeName)
    }
  }

  static func gradients(_ value: LuaValue, in name: String) throws -> [String: Tensor] {
    guard case .table(let table) = value else {
      throw PareError(.argument, "\(name): gradients", argument: "grads", expected: "a table by parameter name", got: value.typeName)
    }
    var result: [String: Tensor] = [:]
    for (key, value) in try table.fields {
      guard case .object(let object) = value, let handle = try object.object(as: TensorHandle.self) else {
        throw PareError(.argument, "\(name): gradient of '\(key)'", argument: key, expected: "a tensor", got: value.typeName)
      }
      result[key] = handle.value
    }
    return result
  }

  /// A table of functions as callbacks of a training.
  static func callbacks(_ value: LuaValue, _ environment: ScriptEnvironment) throws -> TrainingCallbacks {
    guard case .table(let table) = value else {
      throw PareError(.argument, "callbacks", argument: "callbacks", expected: "a table of functions", got: value.typeName)
    }
    var functions: [String: LuaFunction] = [:]
    for pair in try table.pairs() {
      guard case .string(let name) = pair.key, events.contains(name) else {
        let name = if case .string(let name) = pair.key { name } else { pair.key.typeName }
        throw PareError(
          .argument, "unknown callback '\(name)'", argument: name, expected: events.joined(separator: ", "),
          suggestion: Suggestion.didYouMean(name, among: events))
      }
      guard case .function(let function) = pair.value else {
        throw PareError(.argument, "callback '\(name)'", argument: name, expected: "a function", got: pair.value.typeName)
      }
      functions[name] = function
    }
    func callback(_ name: String) -> TrainingCallbacks.Callback? {
      guard let function = functions[name] else { return nil }
      return { training in try run(function, name, training) }
    }
    return TrainingCallbacks(
      onStart: callback("on_start"), onEpoch: callback("on_epoch"), onStep: callback("on_step"),
      beforeOptimizer: callback("before_optimizer"), afterOptimizer: callback("after_optimizer"), onEnd: callback("on_end"))
  }

  /// A returned model replaces the one being trained; `before_optimizer` may return gradients.
  private static func run(_ function: LuaFunction, _ name: String, _ training: TrainingState) throws {
    let state = try function.state()
    let results = try state.call(function, [state.value(object: TrainingStateHandle(training))])
    switch results.first {
    case nil, .null?: return
    case .object(let object)?:
      if let handle = try object.object(as: ModelHandle.self) {
        training.model = handle.model
        return
      }
    case .table?:
      if name == "before_optimizer" {
        training.gradients = try gradients(results[0], in: name)
        return
      }
    default: break
    }
    throw PareError(
      .argument, "callback '\(name)' returned something else", argument: name,
      expected: name == "before_optimizer" ? "nothing, a model, or gradients" : "nothing or a model",
      got: results.first?.typeName ?? "nothing")
  }
}
