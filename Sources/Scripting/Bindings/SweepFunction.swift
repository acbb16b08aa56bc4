import Compression
import Glibc
import Graph
import LuaBridge
import Support
import Tensor

/// `sweep`: one recipe over all combinations of choices, within a budget of time.
enum SweepFunction {
  static let sweep = Function(
    "sweep",
    options: [
      .model("model"), .table("data", optional: true, doc: "A data set"),
      .function("recipe", doc: "function(p) return {prune{sparsity=p.sparsity}, ...} end"),
      .table("over", doc: "The choices by name: {sparsity={0.5, 0.8}, criterion={\"magnitude\", \"taylor\"}}"),
      .number("minutes", allowed: ParameterRange(minimum: 0, includesMinimum: false), optional: true, doc: "No combination starts that would end later"),
      .choice("order", among: ["grid", "random"], default: "grid", doc: "random: another order, drawn from the seed, for budgets that do not reach all"),
      .integer("seed", default: 0, in: 0...), .integer("runs", default: 1, in: 1...10_000, doc: "Seeds of each combination"), CompressionTypes.metricOption,
    ], style: .table, "Runs a recipe for every combination of choices; one that fails is a row with its error",
    example: "s = sweep{model=m, data=d, over={sparsity={0.5, 0.9}}, recipe=function(p) return {prune{sparsity=p.sparsity}} end, minutes=10}"
  ) { call in
    let (options, raw) = try call.options(raw: ["data", "recipe", "over", "metric"])
    let model = try options.model("model")
    guard case .function(let make)? = raw["recipe"] else {
      throw PareError(.argument, "sweep: recipe", argument: "recipe", expected: "function(p) return {steps} end", got: raw["recipe"]?.typeName ?? "nothing")
    }
    var combinations = try SweepFunction.combinations(raw["over"])
    let seed = UInt64(try options.integer("seed"))
    if try options.string("order") == "random" {
      var random = RandomSource(seed: seed, name: "sweep")
      for index in combinations.indices.reversed() where index > 0 { combinations.swapAt(index, random.integer(below: index + 1)) }
    }
    let budget = try options.optionalNumber("minutes").map { $0 * 60 }
    let state = call.state, started = now()
    let rows = state.table()
    var lines: [(values: [String], result: CompressionResult?, error: String?)] = []
    let names = combinations.first?.map(\.name) ?? []
    let bar = ProgressBar("sweep", total: combinations.count)
    defer { bar.end() }
    for (index, combination) in combinations.enumerated() {
      try Interrupt.check()
      let spent = now() - started
      if let budget, index > 0, spent + spent / Double(index) > budget { break }
      let choice = state.table(), row = state.table()
      for (name, value) in combination { try choice.set(name, value) }
      try row.set("choice", .table(choice))
      var line: (values: [String], result: CompressionResult?, error: String?) = (try combination.map { try Inspection.text(of: $0.value, in: state) }, nil, nil)
      do {
        let recipe = try CompressionTypes.recipe(state.call(make, [.table(choice)]).first ?? .null)
        let result = try CompressionTypes.run(model, recipe, raw, seed: seed, runs: options.integer("runs"), call)
        try row.set("result", state.value(object: ResultHandle(result), bytes: result.model.heldBytes))
        for name in CompressionResult.figures + ["metric"] {
          if let value = result.spread(of: name)?.mean { try row.set(name, .number(value)) }
        }
        line.result = result
      } catch {
        // Ctrl-C and limits end the sweep; what a combination does wrong is its own affair.
        let code = (error as? PareError)?.code ?? (error as? LuaError)?.pareError?.code
        if code == .interrupted || code == .limit {
          guard var error = error as? PareError, !lines.isEmpty, error.suggestion == nil else { throw error }
          error.suggestion = "of the sweep, \(lines.count) of \(combinations.count) combinations are done: runs.list() has them"
          throw error
        }
        line.error = "\(error)"
        try row.set("error", .string("\(error)"))
      }
      lines.append(line)
      try rows.set(index + 1, .table(row))
      bar.update(index + 1)
    }
    try rows.set("left", .integer(combinations.count - lines.count))
    try rows.set("seconds", .number(now() - started))
    return try call.push(Tables.described(.table(rows), text(names, lines, left: combinations.count - lines.count), state))
  }

  private static func combinations(_ value: LuaValue?) throws -> [[(name: String, value: LuaValue)]] {
    guard case .table(let over)? = value else {
      throw PareError(.argument, "sweep: over", argument: "over", expected: "a table of lists by name", got: value?.typeName ?? "nothing")
    }
    var all: [[(name: String, value: LuaValue)]] = [[]]
    let fields = try over.fields
    guard !fields.isEmpty else { throw PareError(.argument, "sweep: over", argument: "over", expected: "at least one list of choices", got: "none") }
    for (name, value) in fields {
      guard case .table(let table) = value, case let choices = try table.list, !choices.isEmpty else {
        throw PareError(.argument, "sweep: choices of '\(name)'", argument: name, expected: "a list of at least one choice", got: value.typeName)
      }
      guard all.count <= 100_000 / choices.count else {
        throw PareError(.limit, "sweep: the combinations", argument: "over", expected: "at most 100000", got: "more")
      }
      all = all.flatMap { start in choices.map { start + [(name, $0)] } }
    }
    return all
  }

  private static func text(
    _ names: [String], _ lines: [(values: [String], result: CompressionResult?, error: String?)], left: Int
  ) -> String {
    let rows = lines.map { line -> [String] in
      guard let result = line.result else { return line.values + [String((line.error ?? "").prefix(60))] }
      func figure(_ name: String, _ text: (Double) -> String) -> String {
        guard let spread = result.spread(of: name) else { return "-" }
        return text(spread.mean) + (result.runs.count > 1 ? " ± " + text(spread.interval) : "")
      }
      return line.values + [
        figure("accuracy", Figures.percent), figure("bytes", Figures.bytes), figure("macs", Figures.count), figure("median_ms", Figures.milliseconds),
      ] + (result.after.metric == nil ? [] : [figure("metric", Figures.short)])
    }
    let hasMetric = lines.contains { $0.result?.after.metric != nil }
    return Text.columns([names + ["accuracy", "bytes", "MACs", "median"] + (hasMetric ? ["metric"] : [])] + rows)
      + (left > 0 ? "\n\(left) combinations are left: the time was up" : "")
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
