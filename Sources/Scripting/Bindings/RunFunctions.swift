import Compression
import Graph
import LuaBridge
import Runs
import Support

/// `runs.*`: every `compress`, in a database that several processes share.
enum RunFunctions {
  private static let filters: [ParameterSpec] = [
    .integer("limit", default: 20, in: 1..., doc: "How many, newest first"), .string("method", optional: true, doc: "Runs with this method"),
    .string("data", optional: true, doc: "Runs on this data set"), .string("status", optional: true, doc: "done, failed, interrupted, killed, running"),
    .string("script", optional: true, doc: "A part of the place of the call"), .string("recipe", optional: true, doc: "A part of the recipe"),
    .string("model", optional: true, doc: "The first letters of the hash of the model"),
  ]

  static var all: [Function] {
    [
      Function("runs.list", options: filters, style: .table, "The newest runs, newest first", example: "print(runs.list{method=\"prune\", data=\"digits\", limit=10})") { call in
        let options = try call.options(at: 1)
        let limit = try options.integer("limit")
        var rows = try call.environment.runLog.database().rows()
        func keep(_ name: String, _ test: (RunRow, String) -> Bool) throws {
          if let wanted = try options.optionalString(name) { rows.removeAll { !test($0, wanted) } }
        }
        try keep("method") { $0.methods.contains($1) }
        try keep("data") { $0.dataName == $1 }
        try keep("status") { $0.status == $1 }
        try keep("script") { $0.script.contains($1) }
        try keep("recipe") { $0.recipe.contains($1) }
        try keep("model") { $0.model.hasPrefix($1) }
        return try call.push(list(Array(rows.prefix(limit)), call.state))
      },
      Function("runs.filter", [.function("keep", doc: "function(run) return true or false end")], "The runs for which a function is true, newest first", example: "runs.filter(function(run) return run.after.accuracy > 0.97 end)") { call in
        let keep = try call.function(1)
        var found: [RunRow] = []
        for row in try call.environment.runLog.database().rows() {
          try Interrupt.check()
          switch try call.state.call(keep, [record(row, call.state)]).first {
          case nil, .null?, .boolean(false)?: continue
          default: found.append(row)
          }
        }
        return try call.push(list(found, call.state))
      },
      Function("runs.get", [.integer("id", in: 1...)], "One run", example: "runs.get(12).recipe") { call in
        try call.push(record(call.environment.runLog.database().row(call.integer(1)), call.state))
      },
      Function("runs.compare", [.integer("ids", in: 1...)], variadic: true, "Runs side by side: what they did and what came out", example: "print(runs.compare(11, 12))") { call in
        let database = try call.environment.runLog.database()
        let rows = try (1..<(max(1, call.count) + 1)).map { try database.row(call.integer($0)) }
        return try call.push(comparison(rows, call.state))
      },
      Function(
        "runs.rerun", [.integer("id", in: 1...)],
        options: [
          .model("model", optional: true, doc: "Default: the one that was kept with the run"), .table("data", optional: true, doc: "Default: loaded again as it was"),
          .list("recipe", optional: true, doc: "Default: the run's own"), .integer("seed", in: 0..., optional: true), .integer("runs", in: 1...10_000, optional: true),
        ], "Runs it again: the same model, recipe, data and seed, unless others are given", example: "r = runs.rerun(12, {seed=5})", rerun),
      Function("runs.note", [.integer("id", in: 1...), .string("text")], "Gives a run a remark", example: "runs.note(12, \"the best so far\")") { call in
        try call.environment.runLog.database().note(call.integer(1), call.string(2))
        return 0
      },
      Function("runs.remove", [.integer("id", in: 1...)], "Removes a run from the database", example: "runs.remove(12)") { call in
        try call.environment.runLog.database().remove(call.integer(1))
        return 0
      },
      Function("runs.folder", "Where the database is: $PARE_HOME, else $XDG_DATA_HOME/pare, else ~/.local/share/pare") { call in
        call.lua.push(try call.environment.runLog.database().folder)
        return 1
      },
    ]
  }

  // MARK: Again

  private static func rerun(_ call: Call) throws -> Int {
    let database = try call.environment.runLog.database()
    let row = try database.row(call.integer(1))
    let (options, raw) = try call.options(raw: ["data", "recipe"])
    let model: Model
    if let given = try options.optionalModel("model") {
      model = given
    } else if let kept = try database.model(of: row) {
      model = kept
    } else {
      throw PareError(.notFound, "the model of run \(row.id) was too large to keep", argument: "model", suggestion: "give it: runs.rerun(\(row.id), {model=m})")
    }
    let recipe = try raw["recipe"].map { try CompressionTypes.recipe($0) } ?? row.recipeAgain()
    var values: [String: LuaValue] = [:]
    values["data"] = try raw["data"] ?? dataAgain(row, call.environment)
    let seed = try options.optionalInteger("seed").map(UInt64.init) ?? row.seed
    let result = try CompressionTypes.run(
      model, recipe, values, seed: seed, runs: options.optionalInteger("runs") ?? row.runs, call)
    try call.lua.push(object: ResultHandle(result), bytes: result.model.heldBytes)
    return 1
  }

  /// Loads the run's data as it was loaded; nil for a run without data.
  private static func dataAgain(_ row: RunRow, _ environment: ScriptEnvironment) throws -> LuaValue? {
    guard let name = row.dataName else { return nil }
    guard case .table(let table)? = row.data, table["own"] == nil else {
      throw PareError(.notFound, "the data of run \(row.id) was the script's own", argument: "data", suggestion: "give it: runs.rerun(\(row.id), {data=d})")
    }
    guard case .table(let space) = try environment.globals.table[key: "data"], case .function(let load) = try space[key: "load"] else {
      throw PareError(.internal, "there is no data.load")
    }
    var arguments: [LuaValue] = [.string(name)]
    if let options = table["options"] { arguments.append(try Conversion.lua(options, environment.state)) }
    return try environment.state.call(load, arguments).first
  }

  // MARK: Tables

  private static func figures(_ values: [String: Double], _ state: LuaState) throws -> LuaValue {
    let table = state.table()
    for (name, value) in values { try table.set(name, Int(exactly: value).map { name == "accuracy" || name == "loss" ? .number(value) : .integer($0) } ?? .number(value)) }
    return .table(table)
  }

  private static func record(_ row: RunRow, _ state: LuaState) throws -> LuaValue {
    let table = try Conversion.record(
      state,
      [
        "id": .integer(row.id), "started": .string(row.started), "status": .string(row.status), "seconds": row.seconds.map(LuaValue.number),
        "script": .string(row.script), "version": .string(row.version), "recipe": .string(row.recipe), "methods": Conversion.strings(row.methods, state),
        "model": .string(row.model), "result": row.result.map(LuaValue.string), "data": row.dataName.map(LuaValue.string),
        "seed": .integer(Int(truncatingIfNeeded: row.seed)), "runs": .integer(row.runs), "before": figures(row.before, state),
        "after": figures(row.after, state), "error": row.error.map(LuaValue.string), "note": row.note.map(LuaValue.string),
      ])
    return try Tables.described(table, line([row]), state)
  }

  private static func list(_ rows: [RunRow], _ state: LuaState) throws -> LuaValue {
    let table = try Conversion.list(rows, state) { try record($0, state) }
    return try Tables.described(.table(table), rows.isEmpty ? "no runs" : line(rows), state)
  }

  private static func line(_ rows: [RunRow]) -> String {
    Text.columns(
      [["run", "started", "status", "data", "accuracy", "bytes", "seconds", "recipe"]]
        + rows.map { row in
          func change(_ name: String, _ text: (Double) -> String) -> String {
            switch (row.before[name], row.after[name]) {
            case (let a?, let b?): "\(text(a)) -> \(text(b))"
            default: "-"
            }
          }
          let recipe = row.recipe.replacing("\n", with: " ")
          return [
            "\(row.id)", row.started, row.status, row.dataName ?? "-", change("accuracy", Figures.percent), change("bytes", Figures.bytes),
            row.seconds.map { Figures.fixed($0, 1) } ?? "-", recipe.count > 60 ? recipe.prefix(57) + "..." : recipe,
          ]
        }, text: [1, 2, 3, 7])
  }

  /// A recorded value as a script writes it.
  private static func written(_ value: LedgerValue) -> String {
    switch value {
    case .table(let fields): "{" + fields.sorted { $0.key < $1.key }.map { "\($0.key)=\(written($0.value))" }.joined(separator: ", ") + "}"
    case .list(let items): "{" + items.map(written).joined(separator: ", ") + "}"
    default: value.json
    }
  }

  /// One column for each run: what it was, and its figures with their change.
  private static func comparison(_ rows: [RunRow], _ state: LuaState) throws -> LuaValue {
    var lines = [[""] + rows.map { "run \($0.id)" }]
    func add(_ name: String, _ text: (RunRow) -> String) { lines.append([name] + rows.map(text)) }
    add("started") { $0.started }
    add("status") { $0.status }
    add("model") { String($0.model.prefix(10)) }
    add("data") { $0.dataName ?? "-" }
    add("seed") { $0.runs > 1 ? "\($0.seed)...\($0.seed + UInt64($0.runs - 1))" : "\($0.seed)" }
    for (name, text) in [
      ("accuracy", Figures.percent), ("loss", { Figures.fixed($0, 4) }), ("parameters", Figures.count), ("nonzeros", Figures.count),
      ("macs", Figures.count), ("bytes", Figures.bytes), ("median_ms", Figures.milliseconds),
    ] as [(String, (Double) -> String)] {
      add(name) { row in row.after[name].map(text) ?? "-" }
    }
    for index in 0..<(rows.map(\.methods.count).max() ?? 0) {
      add("step \(index + 1)") { row in
        guard case .list(let steps) = row.steps, steps.indices.contains(index), case .table(let step) = steps[index] else { return "" }
        let text = (index < row.methods.count ? row.methods[index] : "") + (step["arguments"].map(written) ?? "")
        return text.count > 44 ? String(text.prefix(41)) + "..." : text
      }
    }
    let table = try Conversion.list(rows, state) { try record($0, state) }
    return try Tables.described(.table(table), Text.columns(lines), state)
  }
}
