import Compression
import Graph
import OrderedCollections
import Support
import Tensor
import Testing
import Training

@Suite struct RecipeTests {
  let registry: Registry
  let model: Model
  let data: Dataset
  /// Latency is not what these tests are about.
  let quick = CompressOptions(measuresLatency: false)

  init() throws {
    registry = try Fixture.registry()
    model = try Fixture.model()
    data = try Fixture.data()
  }

  private func step(_ name: String, _ values: [String: Value] = [:]) throws -> Step {
    try Step(name, values, registry: registry)
  }

  @Test func runsMeasuresAndWritesTheLedger() throws {
    let result = try compress(
      model, Recipe([step("halve", ["layers": ["fc"]]), step("warm")]), data: data, seed: 3, options: quick)
    #expect(result.steps.map(\.name) == ["halve", "warm"])
    let halved = try #require(result.steps.first)
    #expect(halved.skipped == [Skip(layer: "conv", reason: "not asked for")])
    #expect(halved.before.accuracy == result.before.accuracy)
    #expect(result.after.accuracy == result.steps[1].after.accuracy)
    #expect(try result.before.accuracy == evaluate(model, on: data.test).accuracy)
    #expect(result.before.macs == 4 * 9 * 16 + 64 * 3)
    #expect(result.before.parameters == 36 + 4 + 192 + 3)
    // Layer errors: the convolution is untouched, the linear layer's output loses half of what its weight makes.
    let errors = Dictionary(uniqueKeysWithValues: halved.layers.map { ($0.name, $0.errorDb) })
    #expect(errors["conv"] == 200)
    let linear = try #require(errors["fc"] ?? nil)
    #expect(linear > 3 && linear < 12)

    #expect(result.model.ledger.map(\.method) == ["halve", "warm"])
    let entry = try #require(result.model.ledger.first)
    #expect(try entry.parent == model.hash())
    #expect(entry.seed == 3)
    #expect(entry.before?.accuracy == result.before.accuracy)
    #expect(entry.arguments == halved.arguments)
    #expect(result.steps[1].history.count == 1)
    #expect(result.model.parameters["conv.weight"] != nil)
  }

  @Test func sameSeedSameModelAndLedger() throws {
    let recipe = try Recipe([step("halve"), step("warm", ["epochs": 2])])
    let first = try compress(model, recipe, data: data, seed: 1, options: quick)
    let second = try compress(model, recipe, data: data, seed: 1, options: quick)
    let other = try compress(model, recipe, data: data, seed: 2, options: quick)
    #expect(try first.model.hash() == second.model.hash())
    #expect(first.model.ledger == second.model.ledger)
    #expect(try first.model.hash() != other.model.hash())
    let text = first.model.ledger.map { $0.recorded.json }.joined()
    for word in ["seconds", "median", "host", "time"] { #expect(!text.contains("\"\(word)")) }
  }

  @Test func nothingChangedIsAnError() throws {
    for (step, name) in try [(step("halve", ["factor": 1]), "halve"), (step("warm", ["epochs": 0]), "warm")] {
      let error = try #require(throws: PareError.self) { try compress(model, Recipe([step]), data: data, options: quick) }
      #expect(error.code == .nothingChanged)
      #expect(error.step == 1)
      #expect(error.method == name)
    }
    let error = try #require(throws: PareError.self) {
      try compress(model, Recipe([step("halve", ["layers": []])]), data: data, options: quick)
    }
    #expect(error.description.contains("layers were left alone (conv: not asked for; fc: not asked for)"), "\(error)")
  }

  @Test func errorsSayWhere() throws {
    let error = try #require(throws: PareError.self) {
      try compress(model, Recipe([step("halve"), step("warm")]), options: quick)
    }
    #expect(error.step == 2)
    #expect(error.method == "warm")
    #expect(error.code == .argument)
    #expect(error.description == "step 2: warm needs data; pass data=data.load(...)")
    let empty = try #require(throws: PareError.self) { try compress(model, Recipe([]), options: quick) }
    #expect(empty.argument == "recipe")
    let runs = try #require(throws: PareError.self) { try compress(model, Recipe([step("halve")]), runs: 0, options: quick) }
    #expect(runs.argument == "runs")
  }

  @Test func theTestPartIsClosed() throws {
    let error = try #require(throws: PareError.self) {
      try compress(model, Recipe([step("peek")]), data: data, options: quick)
    }
    #expect(error.code == .argument)
    #expect(error.argument == "data.test")
    let context = try Context(model, data: data)
    let part = try context.data.test
    #expect(part.count == data.test.count)
    #expect(throws: PareError.self) { try evaluate(model, on: part) }
    #expect(try context.evaluate(model).samples == data.validation.count)
  }

  @Test func stepsAreValues() throws {
    let halve = try step("halve")
    let once = try halve(model), twice = try halve(once)
    #expect(twice.ledger.count == 2)
    #expect(model.ledger.isEmpty)
    let weight = try #require(model.parameters["fc.weight"]).value.dense().scalars()
    let quarter = try #require(twice.parameters["fc.weight"]).value.dense().scalars()
    #expect(zip(weight, quarter).allSatisfy { $0 * 0.25 == $1 })
    let plan = try #require(throws: PareError.self) { try halve.plan(model) }
    #expect(plan.code == .unsupported)
    let front = try #require(throws: PareError.self) { try halve.front(model) }
    #expect(front.code == .unsupported)
  }

  @Test func severalSeeds() throws {
    let result = try compress(model, Recipe([step("warm")]), data: data, seed: 5, runs: 3, options: quick)
    #expect(result.runs.map(\.seed) == [5, 6, 7])
    let accuracies = result.runs.compactMap(\.after.accuracy)
    let spread = try #require(result.spread(of: "accuracy"))
    #expect(abs(spread.mean - accuracies.reduce(0, +) / 3) < 1e-12)
    #expect(result.spread(of: "median_ms") == nil)
    #expect(result.csv.split(separator: "\n").count == 1 + 3 * 2)
    #expect(result.description.contains("3 runs (seeds 5...7)"))
  }

  @Test func spreadIsStudents() {
    // numpy.std([1, 2, 4], ddof=1) and scipy.stats.t.ppf(0.975, 2) * std / sqrt(3)
    let spread = Spread([1, 2, 4])
    #expect(abs(spread.mean - 7.0 / 3) < 1e-12)
    #expect(abs(spread.deviation - 1.5275252316519468) < 1e-12)
    #expect(abs(spread.interval - 3.794604) < 1e-3)
    #expect(Spread([2]).interval == 0)
  }

  @Test func laterTrainingsRunEarlierCallbacks() throws {
    let counter = Counter()
    let registration = Registration(
      kind: .method, entry: Entry(name: "listener", summary: ""), origin: .script("t")
    ) { _ in Listener(counter) }
    try registry.register(registration)
    _ = try compress(
      model, Recipe([step("warm"), Step("listener", registry: registry), step("warm")]), data: data, options: quick)
    // Once for the training after it, none for the one before.
    #expect(counter.count == 1)
  }

  @Test func interruptKeepsTheLastModel() throws {
    let seen = Counter()
    let registration = Registration(
      kind: .method, entry: Entry(name: "stop", summary: ""), origin: .script("t")
    ) { _ in Stop() }
    try registry.register(registration)
    var options = quick
    options.onStep = { result in if result.model.ledger.map(\.method) == ["halve"] { seen.add() } }
    let error = try #require(throws: PareError.self) {
      try compress(model, Recipe([step("halve"), Step("stop", registry: registry)]), data: data, options: options)
    }
    #expect(error.code == .interrupted)
    #expect(seen.count == 1)
  }

  @Test func shrunkModelsAreChecked() throws {
    let context = try Context(model, data: data)
    try context.checkShrunk(masked: model, shrunk: model)
    let other = try model.with(["fc.weight": #require(model.parameters["fc.weight"]).value.dense() * 1.5])
    let error = try #require(throws: PareError.self) { try context.checkShrunk(masked: model, shrunk: other) }
    #expect(error.code == .internal)
    #expect(error.layer == "fc")
  }
}

final class Counter: Sendable {
  private let value = Locked(0)
  var count: Int { value.get() }
  func add() { value.change { $0 += 1 } }
}

/// Counts the trainings that it hears of; changes one weight so that the step counts as one.
private struct Listener: CompressionMethod {
  static let entry = Entry(name: "listener", summary: "")
  let counter: Counter
  init(_ counter: Counter) { self.counter = counter }
  init(_ arguments: Arguments) throws { counter = Counter() }
  var callbacks: TrainingCallbacks? { TrainingCallbacks(onStart: { _ in counter.add() }) }
  func apply(_ model: Model, _ context: Context) throws -> Model {
    try model.with(["fc.bias": Tensor.ones(Shape([3]))])
  }
}

private struct Stop: CompressionMethod {
  static let entry = Entry(name: "stop", summary: "")
  init() {}
  init(_ arguments: Arguments) throws {}
  func apply(_ model: Model, _ context: Context) throws -> Model { throw PareError(.interrupted, "interrupted") }
}
