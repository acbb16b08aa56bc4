import PareKit

/// The unit that is kept or removed as a whole.
enum Granularity: Sendable, Equatable {
  /// Single weights.
  case weight
  /// A row inside a kernel.
  case vector
  /// One two-dimensional slice of a filter.
  case kernel
  /// `rows` output channels times `columns` input channels at one kernel position.
  case block(rows: Int, columns: Int)
  /// `kept` of every `of` weights along the input channels stay.
  case pattern(kept: Int, of: Int)
  /// Input channels.
  case channel
  /// Output channels of convolutions.
  case filter
  /// Output features of linear layers.
  case neuron
  /// Heads of attentions.
  case head
  /// Residual branches: what is added to a shortcut.
  case layer

  /// Whether units are removed from the graph, with all that depends on them, rather than masked.
  var isStructure: Bool {
    switch self {
    case .channel, .filter, .neuron, .head, .layer: true
    default: false
    }
  }

  /// The share that a pattern removes by itself; nil where the caller decides.
  var ownShare: Double? { if case .pattern(let kept, let of) = self { 1 - Double(kept) / Double(of) } else { nil } }

  static let names = ["weight", "vector", "kernel", "block", "n:m (as 2:4)", "channel", "filter", "neuron", "head", "layer"]

  /// Reads `weight`, ..., `layer`, or a pattern like `2:4`.
  /// - Parameter block: rows and columns, which only `block` takes.
  init(_ text: String, block: [Int]?) throws {
    switch text {
    case "weight": self = .weight
    case "vector": self = .vector
    case "kernel": self = .kernel
    case "channel": self = .channel
    case "filter": self = .filter
    case "neuron": self = .neuron
    case "block":
      guard let block, block.count == 2, block.allSatisfy({ $0 > 0 }) else {
        throw PareError(
          .argument, "granularity 'block' needs its size", argument: "block",
          expected: "two positive numbers, like {16, 1}", got: block.map { "\($0)" } ?? "nothing")
      }
      self = .block(rows: block[0], columns: block[1])
    case "head": self = .head
    case "layer": self = .layer
    default:
      let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
      guard parts.count == 2, let kept = parts[0], let of = parts[1] else {
        throw PareError(
          .argument, "unknown granularity '\(text)'", argument: "granularity",
          expected: Granularity.names.joined(separator: ", "), got: text,
          suggestion: Suggestion.didYouMean(text, among: Granularity.names))
      }
      guard kept > 0, kept < of, of <= 256 else {
        throw PareError(
          .argument, "granularity '\(text)' keeps n of every m weights", argument: "granularity",
          expected: "0 < n < m <= 256", got: text)
      }
      self = .pattern(kept: kept, of: of)
    }
  }
}

/// Which unit each weight of a tensor belongs to.
struct UnitMap: Sendable {
  /// The unit of each weight, in row-major order; nil where each weight is a unit.
  private let units: [Int]?
  let count: Int

  /// - Parameters:
  ///   - shape: `[out, in/groups, ...kernel]`.
  ///   - granularity: one that is masked; patterns have single weights as units.
  init(shape: [Int], granularity: Granularity) {
    let total = shape.reduce(1, *)
    let rows = shape.first ?? 1
    let columns = shape.count > 1 ? shape[1] : 1
    let positions = shape.dropFirst(2).reduce(1, *)
    switch granularity {
    case .vector:
      self.init(total) { $0 / max(shape.count > 2 ? shape[shape.count - 1] : columns, 1) }
    case .kernel:
      self.init(total) { $0 / max(positions, 1) }
    case .block(let height, let width):
      let across = (columns + width - 1) / width
      self.init(total) { index in
        let position = index % positions
        let column = index / positions % columns
        let row = index / positions / columns
        return ((row / height) * across + column / width) * positions + position
      }
    case .layer:
      self.init(total) { _ in 0 }
    case .filter, .neuron, .head:
      self.init(total) { $0 / max(total / max(rows, 1), 1) }
    case .channel:
      self.init(total) { $0 / max(positions, 1) % max(columns, 1) }
    case .weight, .pattern:
      self.init(units: nil, count: total)
    }
  }

  private init(_ total: Int, _ unit: (Int) -> Int) {
    let units = (0..<total).map(unit)
    self.init(units: units, count: (units.max() ?? -1) + 1)
  }

  private init(units: [Int]?, count: Int) {
    self.units = units
    self.count = count
  }

  /// Joins the scores of a unit's weights.
  func reduced(_ scores: [Double], by reduction: Reduction) -> [Double] {
    guard let units, count < units.count else { return scores }
    var result = [Double](repeating: 0, count: count)
    var sizes = [Int](repeating: 0, count: count)
    for (index, score) in scores.enumerated() {
      let u = units[index]
      switch reduction {
      case .sum, .mean: result[u] += score
      case .l2: result[u] += score * score
      case .max: result[u] = sizes[u] == 0 ? score : Swift.max(result[u], score)
      }
      sizes[u] += 1
    }
    switch reduction {
    case .mean: for u in result.indices { result[u] /= Double(sizes[u]) }
    case .l2: for u in result.indices { result[u] = result[u].squareRoot() }
    case .sum, .max: break
    }
    return result
  }

  /// Whether every weight of a unit satisfies `condition`.
  func all(_ condition: [Bool]) -> [Bool] {
    guard let units else { return condition }
    var result = [Bool](repeating: true, count: count)
    for (index, holds) in condition.enumerated() where !holds { result[units[index]] = false }
    return result
  }

  /// Spreads a flag of each unit over its weights.
  func spread(_ flags: [Bool]) -> [Bool] { units.map { $0.map { flags[$0] } } ?? flags }
}

/// How the scores of weights make the score of a unit.
enum Reduction: String, Sendable, CaseIterable { case sum, mean, max, l2 }

/// How the scores of coupled layers make the score of a channel.
enum Aggregation: String, Sendable, CaseIterable {
  case sum, mean, max, first

  func joined(_ scores: [[Double]]) -> [Double] {
    guard var result = scores.first, self != .first else { return scores.first ?? [] }
    for other in scores.dropFirst() {
      for i in result.indices { result[i] = self == .max ? Swift.max(result[i], other[i]) : result[i] + other[i] }
    }
    return self == .mean ? result.map { $0 / Double(scores.count) } : result
  }
}

/// Which weights stay under an n:m pattern: of every `of` input channels at one output channel and kernel position, the
/// `kept` that score highest; ties go to the lower position. A rest shorter than `of` keeps its share, rounded up.
func patternMask(_ scores: [Double], shape: [Int], kept: Int, of: Int) -> [Bool] {
  let rows = shape.first ?? 1
  let columns = shape.count > 1 ? shape[1] : 1
  let positions = shape.dropFirst(2).reduce(1, *)
  var mask = [Bool](repeating: false, count: scores.count)
  for row in 0..<rows {
    for position in 0..<positions {
      for start in stride(from: 0, to: columns, by: of) {
        let indices = (start..<min(start + of, columns)).map { (row * columns + $0) * positions + position }
        let share = indices.count == of ? kept : (indices.count * kept + of - 1) / of
        for index in indices.sorted(by: { (-scores[$0], $0) < (-scores[$1], $1) }).prefix(share) { mask[index] = true }
      }
    }
  }
  return mask
}
