import Graph
import OrderedCollections
import Support

/// What can be chosen: for each key its choices, in a fixed order.
public struct SearchSpace: Sendable {
  /// The values that can be chosen, by key.
  public var choices: OrderedDictionary<String, [Value]>

  /// A space of these choices; the order of keys and values is kept.
  public init(_ choices: OrderedDictionary<String, [Value]>) { self.choices = choices }

  /// The number of candidates, `.infinity` beyond what a number can count.
  public var size: Double { choices.values.reduce(1) { $0 * Double($1.count) } }
}

/// One point of a search space: for each key the position of the choice made, from 0.
public struct Candidate: Sendable, Hashable {
  /// The position of the choice made, from 0, by key.
  public var picks: OrderedDictionary<String, Int>

  /// A candidate of these choices; `values(in:)` checks that they fit a space.
  public init(_ picks: OrderedDictionary<String, Int>) { self.picks = picks }

  /// Returns the chosen values, by key.
  ///
  /// - Throws: `argument` when the candidate is not one of `space`.
  public func values(in space: SearchSpace) throws -> OrderedDictionary<String, Value> {
    var values: OrderedDictionary<String, Value> = [:]
    for (key, choices) in space.choices {
      guard let pick = picks[key], choices.indices.contains(pick) else {
        throw PareError(
          .argument, "the candidate has no choice for '\(key)'", argument: key, expected: "0..<\(choices.count)",
          got: picks[key].map(String.init) ?? "nothing")
      }
      values[key] = choices[pick]
    }
    return values
  }
}

/// Which candidate next?
public protocol SearchStrategy: Extension {
  /// Returns a search over `space`; all that it draws comes from `seed`.
  func start(_ space: SearchSpace, seed: UInt64) throws -> any SearchRun
}

extension SearchStrategy {
  public static var kind: ExtensionKind { .strategy }
}

/// A search that runs: asked for candidates, told how they did.
public protocol SearchRun {
  /// Returns the next candidate, nil when the search is over.
  mutating func ask() throws -> Candidate?
  /// Takes in the objectives of a candidate. All are minimized except `accuracy`.
  mutating func tell(_ candidate: Candidate, _ values: [String: Double]) throws
}

/// What does a candidate look like before it is trained?
public protocol Proxy: Extension {
  /// Returns a number; higher promises more accuracy.
  func score(_ model: Model, _ context: Context) throws -> Double
}

extension Proxy {
  public static var kind: ExtensionKind { .proxy }
}
