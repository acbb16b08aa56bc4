import PareKit
import Search
import Testing

@Suite struct SearchTests {
  private func space(_ sizes: [Int]) -> SearchSpace {
    SearchSpace(
      OrderedDictionary(uniqueKeysWithValues: sizes.enumerated().map { index, size in
        ("k\(index)", (0..<size).map(Value.integer))
      }))
  }

  /// Runs a strategy on a function with one best point, and returns all that it asked for.
  private func trace(_ name: String, _ space: SearchSpace, seed: UInt64, count: Int) throws -> [(Candidate, Double)] {
    let strategy: any SearchStrategy = try BuiltIns.make(.strategy, name)
    var run = try strategy.start(space, seed: seed)
    var asked: [(Candidate, Double)] = []
    while asked.count < count, let candidate = try run.ask() {
      let distance = candidate.picks.enumerated().reduce(0) { $0 + abs($1.element.value - ($1.offset % 3)) }
      try run.tell(candidate, ["accuracy": -Double(distance)])
      asked.append((candidate, Double(distance)))
    }
    return asked
  }

  @Test(arguments: ["random", "evolution"])
  func sameSeedSameCandidates(name: String) throws {
    let space = space([5, 5, 5, 5])
    let first = try trace(name, space, seed: 3, count: 60).map(\.0)
    #expect(try trace(name, space, seed: 3, count: 60).map(\.0) == first)
    #expect(try trace(name, space, seed: 4, count: 60).map(\.0) != first)
    #expect(Set(first).count == 60)
    #expect(first.allSatisfy { candidate in candidate.picks.allSatisfy { (0..<5).contains($0.value) } })
  }

  @Test(arguments: ["random", "evolution"])
  func aSpaceIsUsedUpOnce(name: String) throws {
    let asked = try trace(name, space([2, 3, 1, 2]), seed: 0, count: 1000).map(\.0)
    #expect(asked.count == 12 && Set(asked).count == 12)
  }

  @Test func evolutionBeatsRandom() throws {
    let space = space([6, 6, 6, 6, 6, 6])
    var evolved = 0.0
    var drawn = 0.0
    for seed in 0..<5 {
      evolved += try trace("evolution", space, seed: UInt64(seed), count: 150).map(\.1).min() ?? 0
      drawn += try trace("random", space, seed: UInt64(seed), count: 150).map(\.1).min() ?? 0
    }
    #expect(evolved < drawn)
  }

  @Test func evolutionPrefersWhatKeepsTheBudget() throws {
    let strategy: any SearchStrategy = try BuiltIns.make(.strategy, "evolution", ["population": 8])
    var run = try strategy.start(space([9, 9, 9]), seed: 1)
    var late: [Int] = []
    for step in 0..<120 {
      guard let candidate = try run.ask() else { break }
      let sum = candidate.picks.values.reduce(0, +)
      try run.tell(candidate, ["accuracy": Double(sum), "violation": Double(max(0, sum - 9))])
      if step >= 80 { late.append(sum) }
    }
    #expect(late.contains(9))
    #expect(late.count { $0 <= 12 } > late.count / 2)
  }

  private func trained() throws -> (Model, Dataset) {
    let data = try Zoo.digits()
    return (try BuiltIns.apply("finetune", ["epochs": 3, "optimizer": "adam", "lr": 0.002], to: Zoo.cnn(), data: data), data)
  }

  @Test func goesOnWithTheBestUnderTheBudget() throws {
    let (model, data) = try trained()
    let values: [String: Value] = ["budget": ["bytes": 0.2], "evaluations": 8, "epochs": 1]
    let found = try BuiltIns.apply("search", values, to: model, data: data, seed: 2)
    #expect(try found.cost().bytes * 5 <= model.cost().bytes)
    #expect(try BuiltIns.apply("search", values, to: model, data: data, seed: 2).hash() == found.hash())
    let impossible: [String: Value] = ["budget": ["bytes": 100], "evaluations": 2, "epochs": 0, "space": "filters"]
    #expect(BuiltIns.code { _ = try BuiltIns.apply("search", impossible, to: model, data: data) } == .notReached)
  }

  @Test func theFrontHoldsNothingThatIsBeaten() throws {
    let (model, data) = try trained()
    let method: any FrontMethod = try BuiltIns.make(
      .method, "search",
      ["space": ["conv2.ratio": [0, 0.5], "fc1.rank": [1, 0.25], "fc1.bits": [4, 8]], "strategy": "random", "evaluations": 20])
    let front = try method.front(model, BuiltIns.context(model, data, 1, method))
    #expect(front.evaluated == 8)
    #expect(!front.points.isEmpty)
    for a in front.points {
      #expect(!front.points.contains { Front.dominates($0.values, a.values, front.objectives) })
      #expect(try a.bytes == Double(a.model.cost().bytes))
      #expect(a.candidate.keys.sorted() == ["conv2.ratio", "fc1.bits", "fc1.rank"])
    }
  }

  static let refused: [([String: Value], PareError.Code)] = [
    (["space": "filter"], .argument), (["objectives": ["speed"]], .argument), (["budget": ["byte": 1]], .argument),
    (["budget": ["latency_ms": -1]], .argument), (["strategy": "annealing"], .unsupported), (["strategy": "guesswork"], .notFound),
    (["space": ["conv9.ratio": [0]]], .notFound), (["space": ["conv1.width": [1]]], .argument),
    (["space": ["conv1.ratio": [2]]], .argument), (["evaluations": 0], .argument),
  ]

  @Test(arguments: refused.indices)
  func refuses(index: Int) throws {
    let (values, code) = Self.refused[index]
    #expect(BuiltIns.code { _ = try BuiltIns.apply("search", values, to: Zoo.cnn(), data: Zoo.digits()) } == code)
  }
}
