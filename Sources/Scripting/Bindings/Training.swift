import Compression
import Graph
import LuaBridge
import Support
import Tensor
import Training

/// Callbacks, `optimizer.*`; `train` itself is in TrainFunction.swift.
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
      ("scale", { handle, call in try call.push(handle.state.lossScale.map(LuaValue.number) ?? .null); return 1 }),
      ("skipped", { handle, call in call.push(handle.state.skippedSteps); return 1 }),
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
      ("__newindex", { call in
        guard let handle: OptimizerHandle = call.object(1) else { throw PareError(.argument, "not an optimizer") }
        guard call.string(2) == "lr" else {
          throw PareError(.argument, "optimizer: only lr can be set", argument: call.string(2), expected: "lr", got: call.brief(2))
        }
        guard let rate = call.number(3), rate >= 0, rate.isFinite else {
          throw PareError(.argument, "optimizer: lr", argument: "lr", expected: "a number of 0 or more", got: call.brief(3))
        }
        handle.optimizer.learningRate = rate
        return 0
      }),
      ("__tostring", { call in
        guard let handle: OptimizerHandle = call.object(1) else { throw PareError(.argument, "not an optimizer") }
        call.push("optimizer \(handle.optimizer.name), lr \(handle.optimizer.learningRate)")
        return 1
      })
    ]
    try environment.state.register(optimizer)
  }

  static let lr = ParameterSpec.number("lr", in: 0..., optional: true, doc: "Learning rate; sgd 0.05, adam and adamw 0.001")
  static let momentum = ParameterSpec.number("momentum", default: 0.9, in: 0..., doc: "Of sgd")
  static let decay = ParameterSpec.number("weight_decay", default: 0, in: 0...)

  private static let adam: [ParameterSpec] = [
    .list("betas", default: [.number(0.9), .number(0.999)], doc: "Decay of the first and second moment"),
    .number("eps", default: 1e-8, in: 0..., doc: "Added to the divisor"),
  ]

  static var optimizers: [Function] {
    Optimizers.names.map { name in
      Function(
        "optimizer." + name,
        options: name == "sgd" ? [lr, momentum, decay, .boolean("nesterov", default: false)] : [lr, decay] + adam,
        style: .table, "An optimizer for a loop of your own", example: "opt = optimizer.\(name){lr=0.1}; m = opt:step(m, grads)"
      ) { call in
        let options = try call.options()
        guard name != "sgd" else {
          let optimizer = try Optimizers.make(
            name, learningRate: options.optionalNumber("lr"), momentum: options.number("momentum"),
            nesterov: options.boolean("nesterov"), weightDecay: options.number("weight_decay"))
          try call.lua.push(object: OptimizerHandle(optimizer))
          return 1
        }
        let betas = try options.list("betas").compactMap(\.asNumber)
        guard betas.count == 2, betas.allSatisfy({ (0..<1).contains($0) }) else {
          throw PareError(
            .argument, "optimizer.\(name): betas", argument: "betas", expected: "two numbers of 0 or more, below 1",
            got: "\(betas)")
        }
        var optimizer = try Optimizers.make(
          name, learningRate: options.optionalNumber("lr"), weightDecay: options.number("weight_decay"))
        if var own = optimizer as? Adam {
          (own.betas, own.epsilon) = ((betas[0], betas[1]), try options.number("eps"))
          optimizer = own
        } else if var own = optimizer as? AdamW {
          (own.betas, own.epsilon) = ((betas[0], betas[1]), try options.number("eps"))
          optimizer = own
        }
        try call.lua.push(object: OptimizerHandle(optimizer))
        return 1
      }
    } + [schedule]
  }

  private static let schedule = Function(
    "optimizer.schedule", [.choice("name", among: LearningRateSchedule.names)],
    options: [
      .integer("steps", in: 1..., doc: "All steps of the training"), .integer("warmup", default: 0, in: 0..., doc: "Steps"),
      .number("lr", default: 1, in: 0..., doc: "At the schedule's height"),
    ], "A function that gives the learning rate of a step, counted from 1",
    example: "rate = optimizer.schedule(\"cosine\", {steps=100, lr=0.1}); opt.lr = rate(1)"
  ) { call in
    let schedule = try LearningRateSchedule.named(call.string(1))
    let options = try call.options()
    let (steps, warmup, height) = (try options.integer("steps"), try options.integer("warmup"), try options.number("lr"))
    return try call.push(.function(call.state.function { inner in
      guard let step = inner.integer(1), step >= 1, step <= steps else {
        throw PareError(
          .argument, "a schedule of \(steps) steps", argument: "step", expected: "1 to \(steps)", got: inner.brief(1))
      }
      inner.push(height * schedule.factor(step: step - 1, of: steps, warmup: warmup))
      return 1
    }))
  }

  /// The names of the six callbacks.
  static let events = ["on_start", "on_epoch", "on_step", "before_optimizer", "after_optimizer", "on_end"]

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
