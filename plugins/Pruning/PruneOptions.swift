import PareKit

extension Prune {
  public static let entry = Entry(
    name: "prune",
    summary: "Removes the least important weights or structures",
    reference: "Han et al. 2015; Li et al. 2017; Fang et al. 2023 for coupled structures",
    parameters: [
      .number("sparsity", in: 0..<1, optional: true, doc: "Share of the units of this granularity that goes"),
      .number("threshold", optional: true, doc: "Units that score below this go"),
      .number("percentile", in: 0...100, optional: true, doc: "Units below this percentile of the scores go"),
      .table("budget", optional: true,
        doc: "What may remain: {macs=}, {parameters=} or {bytes=}, up to 1 a share of the given model, above an amount; or {latency_ms=}"),
      .string("table", default: "built-in",
        doc: "Where a budget of latency_ms reads how long layers take: a table of calibrate(), by its hash"),
      .entry("criterion", kind: .criterion, default: "magnitude", doc: "How important a unit is"),
      .string("granularity", default: "weight", suggesting: Granularity.names.map { $0.hasPrefix("n:m") ? "2:4" : $0 },
        doc: "weight, vector, kernel, block, n:m (as 2:4), channel (input), filter (output), neuron, head, layer (a residual branch)"),
      .list("block", optional: true, doc: "Output channels times input channels of a block, like {16, 1}"),
      .choice("scope", among: Scope.allCases.map(\.rawValue), default: "layer",
        doc: "layer: the same share in each; global: one ranking"),
      .entry("allocation", kind: .allocation, optional: true,
        doc: "How a sparsity or a budget of the whole model is shared out among the layers; default: by scope"),
      .choice("reduce", among: Reduction.allCases.map(\.rawValue), default: "sum",
        doc: "How scores of weights make the score of a unit"),
      .choice("aggregate", among: Aggregation.allCases.map(\.rawValue), default: "sum",
        doc: "How scores of coupled layers make the score of a channel"),
      .entry("schedule", kind: .schedule, default: "one_shot", doc: "How much at which step"),
      .integer("steps", in: 0...10_000, optional: true,
        doc: "Steps of the schedule, each after some training; 0 for one_shot, else 4"),
      .integer("epochs", default: 1, in: 0..., doc: "Epochs of training before each further step"),
      .number("lr", allowed: ParameterRange(minimum: 0, includesMinimum: false), optional: true,
        doc: "Learning rate of that training; default a tenth of the optimizer's"),
      .list("keep", default: [], doc: "Layers that are left alone"),
      .table("layers", optional: true, doc: "Amounts of single layers: {[\"fc\"]={sparsity=0.9}}"),
      .integer("round_to", default: 1, in: 1...65536, doc: "Channels that stay are a multiple of this"),
      .boolean("physical", default: true,
        doc: "Structures are cut out and sparse weights stored sparse where smaller; false leaves masks"),
    ],
    example: "prune{granularity=\"filter\", sparsity=0.5}")
}

/// The checked arguments of `prune`.
struct PruneOptions: Sendable {
  /// Nil: only the layers of `own` give anything.
  var amount: Amount?
  var granularity: Granularity
  var scope: Scope
  var reduction: Reduction
  var aggregation: Aggregation
  var keep: Set<String>
  var own: [String: Amount]
  var multiple: Int
  var isPhysical: Bool
  /// What a budget of latency reads.
  var table: BreakEvenTable

  init(_ arguments: Arguments) throws {
    let names = ["sparsity", "threshold", "percentile", "budget"]
    let given = names.filter { arguments.isGiven($0) }
    let layers = try arguments.optionalTable("layers")
    granularity = try Granularity(
      arguments.string("granularity"), block: arguments.optionalList("block")?.map { $0.asInteger ?? 0 })
    guard given.count == 1 || (given.isEmpty && (layers != nil || granularity.ownShare != nil)) else {
      throw PareError(
        .argument, "prune takes exactly one amount", argument: given.dropFirst().first ?? "sparsity",
        expected: "one of \(names.joined(separator: ", "))", got: given.isEmpty ? "none" : given.joined(separator: " and "))
    }
    switch given.first {
    case "sparsity": amount = .sparsity(try arguments.number("sparsity"))
    case "threshold": amount = .threshold(try arguments.number("threshold"))
    case "percentile": amount = .percentile(try arguments.number("percentile"))
    case "budget": amount = .budget(try Budget(arguments.table("budget")))
    default: amount = granularity.ownShare.map(Amount.sparsity)
    }
    if let share = granularity.ownShare, let name = given.first,
      try name != "sparsity" || abs(arguments.number("sparsity") - share) > 1e-9
    {
      throw PareError(
        .argument, "the pattern \(try arguments.string("granularity")) decides the amount", argument: name,
        expected: "sparsity=\(share), or nothing")
    }
    scope = try Scope(rawValue: arguments.string("scope")) ?? .layer
    reduction = try Reduction(rawValue: arguments.string("reduce")) ?? .sum
    aggregation = try Aggregation(rawValue: arguments.string("aggregate")) ?? .sum
    multiple = try arguments.integer("round_to")
    isPhysical = try arguments.boolean("physical")
    table = try BreakEvenTable.load(arguments.string("table"))
    keep = Set(try arguments.strings("keep"))
    own = try layers.map(Self.amounts) ?? [:]
  }

  private static func amounts(_ table: ValueTable) throws -> [String: Amount] {
    guard table.items.isEmpty else {
      throw PareError(.argument, "prune: layers", argument: "layers", expected: "amounts by layer name", got: "a list")
    }
    var result: [String: Amount] = [:]
    for (name, value) in table.named {
      guard let fields = value.asTable, fields.items.isEmpty, fields.named.count == 1, let field = fields.named.first,
        let number = field.value.asNumber
      else {
        throw PareError(
          .argument, "prune: the amount of layer '\(name)'", argument: "layers",
          expected: "one of {sparsity=}, {threshold=}, {percentile=}", got: value.brief, layer: name)
      }
      switch field.name {
      case "sparsity" where (0..<1).contains(number): result[name] = .sparsity(number)
      case "threshold": result[name] = .threshold(number)
      case "percentile" where (0...100).contains(number): result[name] = .percentile(number)
      default:
        throw PareError(
          .argument, "prune: the amount of layer '\(name)'", argument: field.name,
          expected: "sparsity in 0..<1, threshold, or percentile in 0...100", got: "\(field.name)=\(number)",
          suggestion: Suggestion.didYouMean(field.name, among: ["sparsity", "threshold", "percentile"]), layer: name)
      }
    }
    return result
  }

  /// The same amounts at an earlier point of a schedule. Only a budget asks for what the whole model takes.
  func scaled(_ fraction: Double, of model: Model) throws -> PruneOptions {
    var options = self
    let whole: (Budget.Quantity) throws -> Double = { try $0.value(of: model, table) }
    options.amount = try amount?.scaled(fraction, of: whole)
    options.own = try own.mapValues { try $0.scaled(fraction, of: whole) }
    return options
  }
}

extension Amount {
  func scaled(_ fraction: Double, of whole: (Budget.Quantity) throws -> Double) throws -> Amount {
    switch self {
    case .sparsity(let ratio): return .sparsity(ratio * fraction)
    case .threshold(let limit): return .threshold(limit * fraction)
    case .percentile(let percent): return .percentile(percent * fraction)
    case .budget(var budget):
      // As an absolute amount, since the model that the share is of gets smaller on the way.
      let total = try whole(budget.quantity)
      let limit = total - (total - budget.allowed(of: total)) * fraction
      budget.limit = budget.quantity == .latency ? limit : max(limit, 1.000001)
      return .budget(budget)
    }
  }
}

extension Budget {
  init(_ table: ValueTable) throws {
    let names = Quantity.allCases.map(\.rawValue)
    guard table.items.isEmpty, table.named.count == 1, let field = table.named.first else {
      throw PareError(
        .argument, "prune: budget", argument: "budget", expected: "one of {macs=}, {parameters=}, {bytes=}, {latency_ms=}",
        got: table.named.isEmpty ? "an empty table" : table.named.map(\.name).joined(separator: " and "))
    }
    guard let quantity = Quantity(rawValue: field.name) else {
      throw PareError(
        .argument, "unknown budget '\(field.name)' for prune", argument: "budget", expected: names.joined(separator: ", "),
        suggestion: Suggestion.didYouMean(field.name, among: names))
    }
    guard let limit = field.value.asNumber, limit > 0, limit.isFinite else {
      throw PareError(
        .argument, "prune: the budget of \(field.name)", argument: "budget", expected: "a number above 0",
        got: field.value.brief)
    }
    self.init(quantity: quantity, limit: limit)
  }
}

extension Budget {
  /// An amount of the quantity, in words.
  func text(_ amount: Double) -> String { quantity == .latency ? "\((amount * 1e6).rounded() / 1e6) ms" : "\(Int(amount))" }
}

extension Budget.Quantity {
  /// What a model takes of it; milliseconds as the table says.
  func value(of model: Model, _ table: BreakEvenTable) throws -> Double {
    switch self {
    case .macs: Double(try model.cost().macs)
    case .bytes: Double(try model.cost().bytes)
    case .latency: try table.milliseconds(of: model)
    case .parameters:
      // Weights that are held at 0 are parameters still; what a budget of parameters means is those that are left.
      try { Double(min($0.parameters, $0.nonzeros)) }(model.cost())
    }
  }
}

extension ValueTable {
  /// The named fields, in the table's order.
  var named: [(name: String, value: Value)] { fields.map { ($0.key, $0.value) } }
}
