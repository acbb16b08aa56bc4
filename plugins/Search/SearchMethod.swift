import PareKit

/// Finds how much to take from each layer: ratios of channels, ranks and bits, under a budget.
///
/// A candidate is made by the registry's own `prune`, `lowrank` and `quantize`, trained on for a short while, and measured
/// on the validation part. What no other candidate beats in every objective is the front; in a recipe the step goes on
/// with the most accurate one under the budget.
public struct LayerSearch: FrontMethod {
  public static let entry = Entry(
    name: "search", summary: "Finds ratios, ranks and bits for each layer under a budget",
    reference: "He et al. 2018 (AMC); Wang et al. 2019 (HAQ); Real et al. 2019",
    parameters: [
      ParameterSpec(
        name: "space", type: .table, default: "filters+bits", choices: LayerSpace.words,
        doc: "What is chosen for each layer; or choices by LAYER.ratio, LAYER.bits, LAYER.rank"),
      .list("objectives", default: ["accuracy", "bytes"], doc: "accuracy, bytes, macs, parameters, latency_ms"),
      .table("budget", optional: true,
        doc: "{bytes=}, {macs=}, {parameters=}: up to 1 a share of the given model, above an amount; {latency_ms=}"),
      .string("table", default: "built-in", doc: "Where latency_ms is read: a table of calibrate(), by its hash"),
      .entry("strategy", kind: .strategy, default: "evolution", doc: "Which candidate next"),
      .integer("evaluations", default: 50, in: 1..., doc: "Candidates that are measured"),
      .entry("proxy", kind: .proxy, optional: true, doc: "Picks, of several proposals, the one that is trained and measured"),
      .integer("proposals", default: 4, in: 1...10_000, doc: "With a proxy: candidates that it picks from"),
      .entry("criterion", kind: .criterion, default: "magnitude", doc: "Which channels of a layer go"),
      .integer("epochs", default: 1, in: 0..., doc: "Epochs of training before a candidate is measured"),
      .number("lr", allowed: ParameterRange(minimum: 0, includesMinimum: false), optional: true,
        doc: "Learning rate of that training; default finetune's"),
      .boolean("activations", default: true, doc: "With bits: whether activations become integer as well"),
      .integer("calibration", default: 128, in: 1..., doc: "Training samples for the ranges of activations"),
    ])

  private let arguments: Arguments
  private let objectives: [String]
  private let budget: [String: Double]
  private let strategy: any SearchStrategy
  private let proxy: (any Proxy)?
  private let proposals: Int
  private let evaluations: Int
  /// What latencies are read from.
  private let table: BreakEvenTable

  private static let known = ["accuracy", "bytes", "macs", "parameters", "latency_ms"]

  /// Reads what `entry` declares.
  ///
  /// - Throws: `argument` for unknown or repeated objectives, a budget of anything but bytes, macs, parameters or latency_ms,
  ///   and for `proposals` without `proxy`; `not_found` for a table that is not kept.
  public init(_ arguments: Arguments) throws {
    self.arguments = arguments
    objectives = try arguments.list("objectives").map { value in
      guard let name = value.asString, Self.known.contains(name) else {
        throw PareError(
          .argument, "search: objectives", argument: "objectives", expected: Self.known.joined(separator: ", "), got: value.brief,
          suggestion: value.asString.flatMap { Suggestion.didYouMean($0, among: Self.known) })
      }
      return name
    }
    guard Set(objectives).count == objectives.count, !objectives.isEmpty else {
      throw PareError(.argument, "search: objectives", argument: "objectives", expected: "different names, at least one")
    }
    var budget: [String: Double] = [:]
    for (name, value) in try arguments.optionalTable("budget")?.fields ?? [:] {
      guard Self.known.dropFirst().contains(name), let limit = value.asNumber, limit > 0 else {
        throw PareError(
          .argument, "search: the budget '\(name)'", argument: "budget",
          expected: "a number above 0 for bytes, macs, parameters or latency_ms", got: value.brief,
          suggestion: Suggestion.didYouMean(name, among: Self.known.dropFirst()))
      }
      budget[name] = limit
    }
    self.budget = budget
    strategy = try arguments.entry("strategy")
    proxy = try arguments.optionalEntry("proxy")
    proposals = try arguments.integer("proposals")
    guard proxy != nil || !arguments.isGiven("proposals") else {
      throw PareError(.argument, "search: proposals are for a proxy", argument: "proposals", expected: "proxy beside it")
    }
    evaluations = try arguments.integer("evaluations")
    table = try BreakEvenTable.load(arguments.string("table"))
  }

  /// Searches, publishes the front, and returns the most accurate candidate within the budget.
  ///
  /// - Throws: `not_reached` when no candidate is within the budget; `nothing_changed` when there is nothing to choose;
  ///   `argument` for a faulty space, or without data; `not_found` for a layer of the space that the model lacks.
  public func apply(_ model: Model, _ context: Context) throws -> Model {
    let found = try search(model, context)
    context.publish(found.front)
    guard let best = found.best else {
      throw PareError(
        .notReached, "search: none of \(found.front.evaluated) candidates is within the budget", argument: "budget",
        suggestion: "ask for more evaluations, a wider space or a larger budget")
    }
    context.log("goes on with " + best.candidate.map { "\($0.key)=\($0.value.brief)" }.joined(separator: " "))
    return best.model
  }

  /// Searches; the front holds candidates beyond the budget too.
  ///
  /// - Throws: as `apply`, but not `not_reached`.
  public func front(_ model: Model, _ context: Context) throws -> Front { try search(model, context).front }

  /// Runs the search; `best` is the most accurate candidate within the budget, the first of equals in further objectives.
  private func search(_ model: Model, _ context: Context) throws -> (front: Front, best: Front.Point?) {
    guard let described = try arguments.value("space") else { throw PareError(.internal, "search without a space") }
    let space = try LayerSpace.make(described, for: model)
    let limits = try absolute(budget, of: model.cost())
    var front = Front(objectives: objectives)
    var best: Front.Point?
    var run = try strategy.start(space, seed: context.seed)
    for evaluation in 0..<evaluations {
      try Interrupt.check()
      guard let candidate = try proposed(by: &run, in: space, of: model, context) else { break }
      let choices = try candidate.values(in: space)
      let made = try candidateModel(choices, of: model, context)
      let cost = try made.cost()
      let point = Front.Point(
        model: made, candidate: choices,
        values: [
          "accuracy": try context.evaluate(made).accuracy, "bytes": Double(cost.bytes), "macs": Double(cost.macs),
          "parameters": Double(cost.parameters), "latency_ms": try table.milliseconds(of: made),
        ])
      let violation = limits.reduce(0) { $0 + max(0, (point.values[$1.key] ?? 0) / $1.value - 1) }
      var told = point.values.filter { objectives.contains($0.key) }
      if !limits.isEmpty { told["violation"] = violation }
      try run.tell(candidate, told)
      try front.insert(point)
      if violation == 0, best.map({ isBetter(point, $0) }) ?? true { best = point }
      context.progress(evaluation + 1, evaluations)
    }
    return (front, best)
  }

  /// The strategy's next candidate; with a proxy the most promising of several, the first of equals.
  private func proposed(
    by run: inout any SearchRun, in space: SearchSpace, of model: Model, _ context: Context
  ) throws -> Candidate? {
    guard let proxy else { return try run.ask() }
    var best: (candidate: Candidate, score: Double)?
    for _ in 0..<proposals {
      try Interrupt.check()
      guard let candidate = try run.ask() else { break }
      let untrained = try candidateModel(candidate.values(in: space), of: model, context, isTrained: false)
      let score = try proxy.score(untrained, context)
      if best.map({ score > $0.score }) ?? true { best = (candidate, score) }
    }
    return best?.candidate
  }

  private func isBetter(_ a: Front.Point, _ b: Front.Point) -> Bool {
    for objective in ["accuracy"] + objectives.filter({ $0 != "accuracy" }) {
      let x = loss(a.values, objective)
      let y = loss(b.values, objective)
      if x != y { return x < y }
    }
    return false
  }

  private func absolute(_ budget: [String: Double], of cost: Cost) throws -> [String: Double] {
    let whole = ["bytes": cost.bytes, "macs": cost.macs, "parameters": cost.parameters]
    return Dictionary(uniqueKeysWithValues: budget.map { name, limit in
      (name, limit <= 1 && name != "latency_ms" ? limit * Double(whole[name] ?? 0) : limit)
    })
  }

  /// Prunes, factorizes, trains on and quantizes, as far as the space chose it; what is not trained on is not quantized.
  private func candidateModel(
    _ choices: OrderedDictionary<String, Value>, of model: Model, _ context: Context, isTrained: Bool = true
  ) throws -> Model {
    let wasQuiet = Console.isQuiet
    Console.isQuiet = true
    defer { Console.isQuiet = wasQuiet }
    var layers: [String: [String: Value]] = [:]
    for (key, value) in choices {
      let (layer, suffix) = try LayerSpace.split(key)
      layers[suffix, default: [:]][layer] = value
    }
    var result = model
    let ratios = layers["ratio", default: [:]].filter { ($0.value.asNumber ?? 0) > 0 }
    if !ratios.isEmpty {
      let criterion = try arguments.value("criterion") ?? "magnitude"
      result = try applied("prune", ["granularity": "filter", "criterion": criterion], "sparsity", ratios, result, context)
    }
    let ranks = layers["rank", default: [:]].filter { ($0.value.asNumber ?? 1) < 1 }
    if !ranks.isEmpty {
      let names = ranks.keys.sorted().map(Value.string)
      // A candidate whose factors are not smaller is a candidate without them.
      do {
        result = try applied("lowrank", ["scope": .list(names)], "ratio", ranks, result, context)
      } catch let error as PareError where error.code == .nothingChanged {}
    }
    guard isTrained else { return result }
    let epochs = try arguments.integer("epochs")
    if epochs > 0, !(ratios.isEmpty && ranks.isEmpty) {
      var values: [String: Value] = ["epochs": .integer(epochs)]
      if let rate = try arguments.value("lr") { values["lr"] = rate }
      result = try applied("finetune", values, result, context)
    }
    let bits = layers["bits", default: [:]]
    if !bits.isEmpty {
      let activations: Value = try arguments.boolean("activations") ? ["bits": 8] : false
      let values: [String: Value] = [
        "weights": ["bits": 8], "activations": activations, "calibration": .integer(try arguments.integer("calibration")),
      ]
      result = try applied("quantize", values, "bits", bits, result, context)
    }
    return result
  }

  private func applied(
    _ name: String, _ values: [String: Value], _ field: String, _ layers: [String: Value], _ model: Model,
    _ context: Context
  ) throws -> Model {
    var values = values
    values["layers"] = .table(ValueTable(fields: layers.mapValues { .table(ValueTable(fields: [field: $0])) }))
    return try applied(name, values, model, context)
  }

  /// Applies a method of the registry under a context of its own, so that its notes stay out of the step's result.
  private func applied(_ name: String, _ values: [String: Value], _ model: Model, _ context: Context) throws -> Model {
    let method = try Step(name, values).method()
    let own = try Context(
      model, baseline: context.baseline, data: context.data, seed: context.seed, method: name, needs: method.needs,
      callbacks: context.callbacks)
    return try method.apply(model, own)
  }
}
