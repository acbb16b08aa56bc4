import Compression
import Graph
import LuaBridge
import Support
import Tensor
import Training

/// Steps, recipes, results and fronts in Lua.
enum CompressionTypes {
  static func register(in environment: ScriptEnvironment) throws {
    try registerStep(environment)
    try registerResult(environment)
    try registerFront(environment)
    var plan = LuaType<PlanHandle>("plan")
    plan.properties = [
      ("items", { handle, call in
        try call.push(.table(Conversion.list(handle.plan.items, call.state) { item in
          try Conversion.record(
            call.state,
            [
              "layer": .string(item.layer), "action": .string(item.action), "removed": .integer(item.removed),
              "units": .integer(item.units),
            ])
        }))
        return 1
      }),
      ("before", { handle, call in try call.push(Tables.cost(handle.plan.before, call.state)); return 1 }),
      ("after", { handle, call in try call.push(Tables.cost(handle.plan.after, call.state)); return 1 }),
      ("skipped", { handle, call in try call.push(Tables.skips(handle.plan.skipped, call.state)); return 1 }),
    ]
    plan.metamethods = [
      ("__tostring", { call in
        guard let handle: PlanHandle = call.object(1) else { throw PareError(.argument, "not a plan") }
        call.push(text(of: handle.plan))
        return 1
      })
    ]
    try environment.state.register(plan)
  }

  private static func text(of plan: Plan) -> String {
    var rows = [["layer", "action"]] + plan.items.map { [$0.layer, $0.action] }
    rows += plan.skipped.map { [$0.layer, "left alone: \($0.reason)"] }
    let width = rows.map { $0[0].count }.max() ?? 0
    var lines = rows.map { $0[0] + String(repeating: " ", count: width - $0[0].count + 2) + $0[1] }
    let (a, b) = (plan.before, plan.after)
    func change(_ name: String, _ figure: KeyPath<Cost, Int>) -> String {
      "\(name) \(a[keyPath: figure].grouped) -> \(b[keyPath: figure].grouped)"
    }
    lines.append([change("parameters", \.parameters), change("macs", \.macs), change("bytes", \.bytes)].joined(separator: ", "))
    return lines.joined(separator: "\n")
  }

  // MARK: Steps

  /// The constructor of a method: `prune{...}`.
  static func constructor(of registration: Registration, _ environment: ScriptEnvironment) -> LuaBody {
    { [unowned environment] call in
      let name = registration.name
      guard call.count <= 1 || (2...call.count).allSatisfy(call.isNone) else {
        throw PareError(
          .argument, "\(name): one table of named parameters", expected: "\(name){...}", got: "\(call.count) arguments")
      }
      // A method that was defined again since is the one that runs.
      let current = Registry.shared.lookUp(.method, name) ?? registration
      let values: [String: Value]
      if call.isNone(1) {
        values = [:]
      } else if let table = call.table(1) {
        values = try Conversion.named(table, of: name, environment)
      } else {
        throw PareError(
          .argument, "\(name): parameters", expected: "a table of named parameters: \(name){...}", got: call.brief(1))
      }
      let step = try Step(current, Arguments(current.entry, values))
      // Methods check what single parameters cannot (one of several must be given): now, not when the recipe runs.
      _ = try step.method()
      try call.push(object: StepHandle(step))
      return 1
    }
  }

  private static let runOptions: [ParameterSpec] = [
    .table("data", optional: true, doc: "A data set"), .integer("seed", default: 0, in: 0...),
  ]

  private static func registerStep(_ environment: ScriptEnvironment) throws {
    var type = LuaType<StepHandle>("step")
    type.methods = environment.declare([
      Function("s:plan", [.model("model")], options: runOptions, "What the step would do to a model, and what it would save", example: "print(prune{sparsity=0.5}:plan(m))") { call in
        let step = try call.receiver(StepHandle.self).step
        let (options, raw) = try call.options(raw: ["data"])
        try call.lua.push(
          object: PlanHandle(step.plan(call.model(1), data: data(raw, call), seed: UInt64(options.integer("seed")))))
        return 1
      },
      Function("s:front", [.model("model")], options: runOptions, "The front of a search: models that no other one beats", example: "f = search{evaluations=20}:front(m, {data=d})") { call in
        let step = try call.receiver(StepHandle.self).step
        let (options, raw) = try call.options(raw: ["data"])
        try call.lua.push(
          object: FrontHandle(step.front(call.model(1), data: data(raw, call), seed: UInt64(options.integer("seed")))))
        return 1
      },
    ])
    type.properties = [
      ("name", { handle, call in call.push(handle.step.name); return 1 }),
      ("arguments", { [unowned environment] handle, call in
        try call.push(.table(Conversion.lua(handle.step.arguments, environment)))
        return 1
      }),
    ]
    let apply = Function("s", [.model("model")], options: runOptions, "The model with the step applied", example: "m2 = prune{sparsity=0.5}(m, {data=d})") { call in
      guard let handle: StepHandle = call.lua.object(1) else { throw PareError(.argument, "not a step") }
      let (options, raw) = try call.options(raw: ["data"])
      return try call.push(handle.step(call.model(1), data: data(raw, call), seed: UInt64(options.integer("seed"))))
    }
    type.metamethods = [
      ("__call", { [unowned environment] lua in
        try apply.body(Call(function: apply, environment: environment, lua: lua, offset: 1))
      }),
      ("__tostring", { call in
        guard let handle: StepHandle = call.object(1) else { throw PareError(.argument, "not a step") }
        call.push("\(handle.step)")
        return 1
      }),
      ("__concat", Text.concat),
    ]
    try environment.state.register(type)
  }

  private static func data(_ raw: [String: LuaValue], _ call: Call) throws -> Dataset? {
    try raw["data"].map { try DataTypes.dataset($0, in: call.function.name) }
  }

  // MARK: Recipes

  /// The steps of a list.
  static func recipe(_ value: LuaValue) throws -> Recipe {
    if case .object(let object) = value, let handle = try object.object(as: StepHandle.self) { return Recipe([handle.step]) }
    guard case .table(let table) = value else {
      throw PareError(.argument, "a recipe is a list of steps", argument: "recipe", expected: "{prune{...}, finetune{...}}", got: value.typeName)
    }
    let items = try table.list
    guard try table.pairs().count == items.count else {
      throw PareError(.argument, "a recipe is a list of steps", argument: "recipe", expected: "positions 1, 2, ... only", got: "other keys")
    }
    return Recipe(
      try items.enumerated().map { index, item in
        if case .object(let object) = item, let handle = try object.object(as: StepHandle.self) { return handle.step }
        throw PareError(
          .argument, "step \(index + 1) of the recipe", argument: "recipe", expected: "a step such as prune{sparsity=0.5}",
          got: item.typeName, suggestion: item.typeName == "function" ? "call it: prune{...}" : nil)
      })
  }

  /// `metric=` of functions that measure.
  static let metricOption = DataTypes.metricOption("A metric's name, or function(outputs, labels) return number end: measured beside accuracy, on the test part")

  static let compress = Function(
    "compress", [.model("model"), .list("recipe", doc: "Steps")],
    options: runOptions + [
      .integer("runs", default: 1, in: 1...10_000, doc: "Seeds: seed ... seed + runs - 1"), metricOption,
      .string("autosave", optional: true, doc: "Folder that keeps each finished step: the same call goes on from there after a crash"),
    ],
    "Runs a recipe and measures before and after each step; every call is a row of runs.list()",
    example: "r = compress(m, {prune{sparsity=0.5}, finetune{epochs=1}}, {data=d, seed=1})"
  ) { call in
    let model = try call.model(1)
    let recipe = try recipe(call.value(2))
    let (options, raw) = try call.options(raw: ["data", "metric"])
    let result = try run(
      model, recipe, raw, seed: UInt64(options.integer("seed")), runs: options.integer("runs"),
      autosave: options.optionalString("autosave"), call)
    try call.lua.push(object: ResultHandle(result), bytes: result.model.heldBytes)
    return 1
  }

  /// Runs a recipe as a row of the database.
  static func run(
    _ model: Model, _ recipe: Recipe, _ raw: [String: LuaValue], seed: UInt64, runs: Int, autosave: String? = nil, _ call: Call
  ) throws -> CompressionResult {
    let environment = call.environment
    let data = try raw["data"].map { try DataTypes.dataset($0, in: call.function.name) }
    var options = CompressOptions()
    options.metric = try raw["metric"].map { try DataTypes.metric($0, in: call.function.name, environment) }
    if let autosave {
      options.autosave = try environment.writable(autosave)
    } else if let journals = environment.workspace?.journals {
      options.autosave = journals
      options.forgetsWhenDone = true
    }
    return try environment.runLog.recording(
      model, recipe, data: raw["data"].map { try DataTypes.origin(of: $0) }, seed: seed, runs: runs, script: environment.place(of: call)
    ) {
      try Compression::compress(model, recipe, data: data, seed: seed, runs: runs, options: options)
    }
  }

  // MARK: Results

  private static func registerResult(_ environment: ScriptEnvironment) throws {
    var type = LuaType<ResultHandle>("result")
    type.methods = environment.declare([
      Function("r:report", [.string("path")], "Writes the report: one self-contained HTML page", example: "r:report(\"report.html\")") { call in
        let result = try call.receiver(ResultHandle.self).result
        try result.writeReport(to: call.environment.writable(call.string(1)))
        return 0
      },
      Function("r:csv", [.string("path", optional: true)], "Writes one row per step; without a path returns the text", example: "r:csv(\"r.csv\")") { call in
        let result = try call.receiver(ResultHandle.self).result
        guard let path = try call.optionalString(1) else { call.lua.push(result.csv); return 1 }
        try result.writeCSV(to: call.environment.writable(path))
        return 0
      },
      Function("r:json", [.string("path", optional: true)], "The result as JSON text; with a path writes it", example: "print(r:json())") { call in
        let result = try call.receiver(ResultHandle.self).result
        guard let path = try call.optionalString(1) else { call.lua.push(result.json); return 1 }
        try result.writeJSON(to: call.environment.writable(path))
        return 0
      },
    ])
    func spread(_ key: KeyPath<Spread, Double>) -> LuaType<ResultHandle>.Property {
      { handle, call in
        guard !handle.result.runs.isEmpty else { try call.push(.null); return 1 }
        let table = call.state.table()
        for figure in CompressionResult.figures + ["metric"] {
          if let spread = handle.result.spread(of: figure) { try table.set(figure, .number(spread[keyPath: key])) }
        }
        try call.push(.table(table))
        return 1
      }
    }
    type.properties = [
      ("model", { handle, call in
        try call.push(object: ModelHandle(handle.result.model), bytes: handle.result.model.heldBytes)
        return 1
      }),
      ("baseline", { handle, call in
        try call.push(object: ModelHandle(handle.result.baseline), bytes: handle.result.baseline.heldBytes)
        return 1
      }),
      ("before", { handle, call in try call.push(Tables.measurement(handle.result.before, call.state)); return 1 }),
      ("after", { handle, call in try call.push(Tables.measurement(handle.result.after, call.state)); return 1 }),
      ("steps", { handle, call in
        try call.push(.table(Conversion.list(handle.result.steps, call.state) { try step($0, call.state) }))
        return 1
      }),
      ("seed", { handle, call in call.push(Int(truncatingIfNeeded: handle.result.seed)); return 1 }),
      ("seconds", { handle, call in call.push(handle.result.seconds); return 1 }),
      ("runs", { handle, call in
        guard !handle.result.runs.isEmpty else { try call.push(.null); return 1 }
        try call.push(.table(Conversion.list(handle.result.runs, call.state) { try call.state.value(object: ResultHandle($0)) }))
        return 1
      }),
      ("mean", spread(\.mean)), ("std", spread(\.deviation)), ("interval", spread(\.interval)),
    ]
    type.metamethods = [
      ("__tostring", { call in
        guard let handle: ResultHandle = call.object(1) else { throw PareError(.argument, "not a result") }
        call.push("\(handle.result)")
        return 1
      }),
      ("__concat", Text.concat),
    ]
    try environment.state.register(type)
  }

  private static func step(_ step: StepResult, _ state: LuaState) throws -> LuaValue {
    let layers = try Conversion.list(step.layers, state) { layer in
      try Conversion.record(
        state,
        [
          "name": .string(layer.name), "op": .string(layer.op), "error_db": layer.errorDb.map(LuaValue.number),
          "shrunk_difference": layer.shrunkDifference.map(LuaValue.number), "bytes_before": .integer(layer.bytesBefore),
          "bytes_after": .integer(layer.bytesAfter), "macs_before": .integer(layer.macsBefore),
          "macs_after": .integer(layer.macsAfter), "representation": .string(layer.representation),
        ])
    }
    return try Conversion.record(
      state,
      [
        "name": .string(step.name), "arguments": Conversion.lua(step.arguments, state),
        "before": Tables.measurement(step.before, state), "after": Tables.measurement(step.after, state),
        "layers": .table(layers), "skipped": Tables.skips(step.skipped, state),
        "log": Conversion.strings(step.log, state), "history": Tables.history(step.history, state),
        "front": step.front.map { try state.value(object: FrontHandle($0)) }, "seconds": .number(step.seconds),
      ])
  }

  // MARK: Fronts

  private static func registerFront(_ environment: ScriptEnvironment) throws {
    var type = LuaType<FrontHandle>("front")
    type.methods = environment.declare([
      Function("f:best", [.table("limits", optional: true)], "The most accurate point under the limits", example: "f:best{bytes=20000}.model") { call in
        let front = try call.receiver(FrontHandle.self).front
        var limits: [String: Double] = [:]
        if !call.isNone(1) {
          for (key, value) in try Conversion.named(call.table(1), of: "f:best", call.environment) {
            guard let number = value.asNumber else {
              throw PareError(.argument, "f:best: \(key)", argument: key, expected: "a number", got: value.brief)
            }
            limits[key] = number
          }
        }
        return try call.push(point(front.best(under: limits), call.environment))
      },
      Function("f:plot", [.string("path", optional: true)], "Draws the front as text; with a path writes an .svg", example: "f:plot()") { call in
        let front = try call.receiver(FrontHandle.self).front
        if let path = try call.optionalString(1) {
          try AtomicFile.write(front.svg, to: call.environment.writable(path))
        } else {
          print(front.plot)
        }
        return 0
      },
    ])
    type.properties = [
      ("evaluated", { handle, call in call.push(handle.front.evaluated); return 1 }),
      ("objectives", { handle, call in try call.push(Conversion.strings(handle.front.objectives, call.state)); return 1 }),
    ]
    type.index = { [unowned environment] handle, call in
      guard let index = call.integer(2) else { return nil }
      // Past the end is nil, as in a table, so that ipairs ends.
      guard index != 0, index <= handle.front.points.count, index >= -handle.front.points.count else {
        try call.push(.null)
        return 1
      }
      let position = index > 0 ? index - 1 : handle.front.points.count + index
      try call.push(point(handle.front.points[position], environment))
      return 1
    }
    type.metamethods = [
      ("__len", { call in
        guard let handle: FrontHandle = call.object(1) else { throw PareError(.argument, "not a front") }
        call.push(handle.front.points.count)
        return 1
      }),
      ("__tostring", { call in
        guard let handle: FrontHandle = call.object(1) else { throw PareError(.argument, "not a front") }
        call.push("\(handle.front)")
        return 1
      }),
    ]
    try environment.state.register(type)
  }

  private static func point(_ point: Front.Point, _ environment: ScriptEnvironment) throws -> LuaValue {
    let state = environment.state
    let candidate = state.table()
    for (key, value) in point.candidate { try candidate.set(key, Conversion.lua(value, environment)) }
    let table = state.table()
    for (name, value) in point.values { try table.set(name, .number(value)) }
    let cost = try (try? point.model.cost()) ?? point.model.storageCost()
    if point.bytes == nil { try table.set("bytes", .integer(cost.bytes)) }
    if point.macs == nil { try table.set("macs", .integer(cost.macs)) }
    try table.set("model", state.value(object: ModelHandle(point.model), bytes: point.model.heldBytes))
    try table.set("candidate", .table(candidate))
    return .table(table)
  }
}
