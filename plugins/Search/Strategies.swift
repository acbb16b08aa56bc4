import PareKit

/// Candidates drawn uniformly, none twice.
public struct RandomSearch: SearchStrategy {
  public static let entry = Entry(
    name: "random", summary: "Candidates drawn uniformly, none twice",
    reference: "Bergstra and Bengio 2012, \"Random Search for Hyper-Parameter Optimization\"")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}

  /// A search that ends when every candidate was drawn; what it is told changes nothing.
  public func start(_ space: SearchSpace, seed: UInt64) throws -> any SearchRun {
    Run(draw: Draw(space, seed: seed, name: "search.random"))
  }

  private struct Run: SearchRun {
    var draw: Draw
    mutating func ask() throws -> Candidate? { draw.fresh { $0.uniform() } }
    mutating func tell(_ candidate: Candidate, _ values: [String: Double]) throws {}
  }
}

/// Regularised (aging) evolution: the best of a random sample is mutated, and the oldest dies.
///
/// Algorithm 1 of the paper. A candidate that breaks the budget less wins (`violation`, 0 within it); between two that
/// break it equally, accuracy decides. With further objectives each tournament draws weights for them and compares the
/// weighted ranks in its sample, so that the population spreads along the front.
public struct Evolution: SearchStrategy {
  public static let entry = Entry(
    name: "evolution", summary: "Regularised evolution: the best of a sample is mutated, the oldest dies",
    reference: "Real et al. 2019, \"Regularized Evolution for Image Classifier Architecture Search\", algorithm 1",
    parameters: [
      .integer("population", default: 12, in: 2...100_000, doc: "Candidates alive at a time"),
      .integer("sample", default: 4, in: 1...100_000, doc: "Candidates in a tournament"),
      .number("mutation", default: 0.1, in: 0...1, doc: "Chance of each further choice to change beside the one that does"),
    ])
  private let population: Int
  private let sample: Int
  private let mutation: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    population = try arguments.integer("population")
    sample = try arguments.integer("sample")
    mutation = try arguments.number("mutation")
  }

  /// A search whose first `population` candidates are drawn uniformly; it ends when every candidate was drawn.
  public func start(_ space: SearchSpace, seed: UInt64) throws -> any SearchRun {
    Run(draw: Draw(space, seed: seed, name: "search.evolution"), options: self)
  }

  private struct Run: SearchRun {
    var draw: Draw
    let options: Evolution
    /// Oldest first.
    var alive: [(candidate: Candidate, values: [String: Double])] = []
    var born = 0

    mutating func ask() throws -> Candidate? {
      born += 1
      guard born > options.population, !alive.isEmpty else { return draw.fresh { $0.uniform() } }
      let parent = tournament()
      return draw.fresh { $0.mutated(parent, chance: options.mutation) }
    }

    mutating func tell(_ candidate: Candidate, _ values: [String: Double]) throws {
      alive.append((candidate, values))
      if alive.count > options.population { alive.removeFirst() }
    }

    private mutating func tournament() -> Candidate {
      let picked = (0..<options.sample).map { _ in alive[draw.random.integer(below: alive.count)] }
      let least = picked.map { $0.values["violation"] ?? 0 }.min() ?? 0
      let sample = picked.filter { ($0.values["violation"] ?? 0) <= least }
      let objectives = Set(sample.flatMap(\.values.keys)).subtracting(["violation"]).sorted()
      var scores = [Double](repeating: 0, count: sample.count)
      for objective in objectives {
        let weight = objectives.count == 1 ? 1 : draw.random.uniform()
        let losses = sample.map { loss($0.values, objective) }
        for index in sample.indices { scores[index] += weight * Double(losses.count { $0 < losses[index] }) }
      }
      let best = scores.indices.min { scores[$0] < scores[$1] } ?? 0
      return sample[best].candidate
    }
  }
}

/// The value of an objective as something to be minimised.
func loss(_ values: [String: Double], _ objective: String) -> Double {
  let value = values[objective] ?? .infinity
  return objective == "accuracy" ? -value : value
}

/// Draws candidates of a space from one seed, and remembers them.
struct Draw {
  let space: SearchSpace
  var random: RandomSource
  private var seen: Set<Candidate> = []

  init(_ space: SearchSpace, seed: UInt64, name: String) {
    self.space = space
    random = RandomSource(seed: seed, name: name)
  }

  /// Returns a candidate that was not drawn before: from `make`, else uniformly, else (in a space that is all but
  /// used up) the next one in order; nil when there is none.
  mutating func fresh(_ make: (inout Draw) -> Candidate) -> Candidate? {
    guard Double(seen.count) < space.size else { return nil }
    for attempt in 0..<64 {
      let candidate = attempt < 32 ? make(&self) : uniform()
      if seen.insert(candidate).inserted { return candidate }
    }
    var picks = space.choices.mapValues { _ in 0 }
    while true {
      let candidate = Candidate(picks)
      if seen.insert(candidate).inserted { return candidate }
      var carried = true
      for (key, choices) in space.choices where carried {
        let next = (picks[key] ?? 0) + 1
        carried = next == choices.count
        picks[key] = carried ? 0 : next
      }
      if carried { return nil }
    }
  }

  mutating func uniform() -> Candidate {
    var picks = space.choices.mapValues { _ in 0 }
    for (key, choices) in space.choices { picks[key] = random.integer(below: choices.count) }
    return Candidate(picks)
  }

  /// Changes one choice to another value, and each further one with probability `chance`.
  mutating func mutated(_ parent: Candidate, chance: Double) -> Candidate {
    var picks = parent.picks
    let open = space.choices.filter { $0.value.count > 1 }.map(\.key)
    guard !open.isEmpty else { return parent }
    let sure = open[random.integer(below: open.count)]
    for key in open where key == sure || random.uniform() < chance {
      guard let count = space.choices[key]?.count else { continue }
      let step = 1 + random.integer(below: count - 1)
      picks[key] = ((picks[key] ?? 0) + step) % count
    }
    return Candidate(picks)
  }
}
