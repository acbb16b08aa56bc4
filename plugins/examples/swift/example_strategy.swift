// A strategy: which candidate next? search{strategy="example_strategy", ...}.
import PareKit

struct ExampleStrategy: SearchStrategy {
  static let entry = Entry(name: "example_strategy", summary: "Candidates drawn uniformly", reference: "own")
  init(_ arguments: Arguments) throws {}

  // All that is drawn comes from the seed.
  func start(_ space: SearchSpace, seed: UInt64) throws -> any SearchRun {
    Run(space: space, random: RandomSource(seed: seed, name: "example_strategy"))
  }

  struct Run: SearchRun {
    let space: SearchSpace
    var random: RandomSource

    // Returns nil when the search is over.
    mutating func ask() throws -> Candidate? {
      var picks: OrderedDictionary<String, Int> = [:]
      for (key, choices) in space.choices { picks[key] = random.integer(below: choices.count) }
      return Candidate(picks)
    }

    // All objectives are minimized except accuracy.
    mutating func tell(_ candidate: Candidate, _ values: [String: Double]) throws {}
  }
}

let plugin = Plugin(ExampleStrategy.self)
