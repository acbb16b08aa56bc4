import PareKit

/// The low-rank family.
public enum LowRank {
  /// What the family offers; the program registers it.
  public static let plugin = Plugin(Factorize.self, SVD.self, FixedRank.self, RatioRank.self, EnergyRank.self)
}

/// Replaces layers by factors of low rank, where that is smaller.
///
/// A layer `fc` becomes `fc.0` and `fc.1` with `origin = "fc"`. A layer is replaced only if its factors take fewer
/// multiply-accumulates and fewer bytes; the others are listed with the reason. Layers whose weights are sparse or integer
/// are left alone, since factors would break what an earlier step established: factorize first, prune and quantize then.
public struct Factorize: CompressionMethod {
  public static let entry = Entry(
    name: "lowrank", summary: "Replaces layers by factors of low rank, where that is smaller",
    reference: "Denton et al. 2014; Kim et al. 2016 for ranks per layer",
    parameters: [
      .entry("decomposition", kind: .decomposition, default: "svd", doc: "Which factors replace a layer"),
      .entry("rank", kind: .rank, number: "fixed", optional: true, doc: "A number of components, or how to choose it"),
      .number("ratio", in: 0...1, optional: true, doc: "Share of the full rank that stays"),
      .number("energy", in: 0...1, optional: true,
        doc: "Share of the sum of squared singular values that stays; 0.9 when nothing is said"),
      .list("keep", default: [], doc: "Layers that stay as they are"),
      .list("scope", optional: true, doc: "Layers to work on; default all that can be factorized"),
      .table("layers", optional: true, doc: "Ranks of single layers: {[\"fc\"]={rank=8}}, or ratio, or energy"),
    ])
  private let decomposition: any Decomposition
  private let selector: any RankSelector
  private let own: [String: any RankSelector]
  private let keep: Set<String>
  private let scope: Set<String>?

  /// Energy 0.9 unless one of `rank`, `ratio` and `energy` is given.
  ///
  /// - Throws: `argument` for several of them, or for a layer in `layers` that says anything but one of them.
  public init(_ arguments: Arguments) throws {
    decomposition = try arguments.entry("decomposition")
    let given = ["rank", "ratio", "energy"].filter { arguments.isGiven($0) }
    guard given.count <= 1 else {
      throw PareError(
        .argument, "lowrank takes one way to choose the rank", argument: given[1], expected: "rank, ratio or energy",
        got: given.joined(separator: " and "))
    }
    switch given.first {
    case "rank": selector = try arguments.entry("rank")
    case "ratio": selector = try Self.selector("ratio", .number(arguments.number("ratio")))
    case "energy": selector = try Self.selector("energy", .number(arguments.number("energy")))
    default: selector = try Self.selector("energy", .number(0.9))
    }
    keep = Set(try arguments.strings("keep"))
    scope = try arguments.optionalStrings("scope").map(Set.init)
    var own: [String: any RankSelector] = [:]
    for (name, value) in try arguments.optionalTable("layers")?.fields ?? [:] {
      guard let table = value.asTable, table.items.isEmpty, table.fields.count == 1, let field = table.fields.elements.first,
        ["rank", "ratio", "energy"].contains(field.key)
      else {
        throw PareError(
          .argument, "lowrank: layer '\(name)'", argument: "layers", expected: "one of {rank=}, {ratio=}, {energy=}",
          got: value.brief, layer: name)
      }
      own[name] = try Self.selector(field.key == "rank" ? "fixed" : field.key, field.value, parameter: field.key)
    }
    self.own = own
  }

  private static func selector(_ name: String, _ value: Value, parameter: String? = nil) throws -> any RankSelector {
    let registration = try Registry.shared.find(.rank, name)
    let arguments = try Arguments(registration.entry, [parameter ?? name: value])
    return try EntryValue(registration, arguments).make(as: (any RankSelector).self)
  }

  /// What the decomposition needs.
  public var needs: Statistics { decomposition.needs }

  /// Replaces the layers one after the other, each in the model with the factors before it.
  ///
  /// - Throws: `not_found` for a layer named in an argument that the model lacks; `nothing_changed` when no layer gets smaller.
  public func apply(_ model: Model, _ context: Context) throws -> Model {
    let run = try factorized(model, context)
    for skip in run.skipped { context.skip(skip.layer, skip.reason) }
    guard !run.items.isEmpty else {
      throw PareError(.nothingChanged, "lowrank made no layer smaller", suggestion: "ask for a lower rank or less energy")
    }
    return run.model
  }

  /// Factorizes a copy of the model, so that the plan is what `apply` does; it takes as long.
  ///
  /// - Throws: `not_found` for a layer named in an argument that the model lacks.
  public func plan(_ model: Model, _ context: Context) throws -> Plan? {
    let run = try factorized(model, context)
    return Plan(items: run.items, before: try model.cost(), after: try run.model.cost(), skipped: run.skipped)
  }

  /// The model with all factors that are smaller, what was done, and what was left alone.
  private func factorized(
    _ model: Model, _ context: Context
  ) throws -> (model: Model, items: [Plan.Item], skipped: [Skip]) {
    for name in (Array(keep) + own.keys + (scope ?? [])).sorted() { _ = try model.node(named: name) }
    let views = try context.statistics(of: model, needs: decomposition.needs)
    var result = model
    var items: [Plan.Item] = []
    var skipped: [Skip] = []
    for (index, view) in views.enumerated() {
      try Interrupt.check()
      switch try outcome(of: view, in: result) {
      case .left(let reason): skipped.append(Skip(layer: view.name, reason: reason))
      case .replaced(let smaller, let rank, let full):
        items.append(
          Plan.Item(layer: view.name, action: "factors of rank \(rank) of \(full)", removed: full - rank, units: full))
        result = smaller
      }
      context.progress(index + 1, views.count)
    }
    return (result, items, skipped)
  }

  private enum Outcome {
    case left(String)
    case replaced(Model, rank: Int, of: Int)
  }

  /// Tries the factors of one layer in the model.
  private func outcome(of view: LayerView, in model: Model) throws -> Outcome {
    if keep.contains(view.name) { return .left("kept as asked") }
    if let scope, !scope.contains(view.name) { return .left("outside the scope asked for") }
    if view.op == "ConvTranspose" { return .left("factors of transposed convolutions are not there") }
    let value = try model.parameter(named: view.weightName).value
    guard value is DenseRepresentation else { return .left("its weight is \(value.label); factors would break that") }
    if model.nodes.count(where: { $0.inputs.contains(view.weightName) }) > 1 { return .left("its weight is shared") }
    do {
      let spectrum = try decomposition.spectrum(view)
      let rank = try (own[view.name] ?? selector).choose(view, spectrum: spectrum)
      let candidate = try model.replacing(layer: view.name, with: decomposition.factor(view, rank: rank))
      let before = try model.cost()
      let after = try candidate.cost()
      guard after.macs < before.macs, after.bytes < before.bytes else {
        return .left("factors of rank \(rank) are not smaller")
      }
      return .replaced(candidate, rank: rank, of: spectrum.count)
    } catch let error as PareError where error.code == .unsupported {
      return .left(error.message)
    }
  }
}
