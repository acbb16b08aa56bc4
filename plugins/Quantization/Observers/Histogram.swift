import PareKit

/// Counts in equal bins over `-limit ..< limit`, which doubles when needed.
struct Histogram {
  private(set) var counts: [Int]
  private(set) var limit = 0.0
  private(set) var total = 0
  /// The least and greatest value that was counted.
  private(set) var low = Double.infinity
  private(set) var high = -Double.infinity

  /// - Parameter bins: rounded up to an even number.
  init(bins: Int) { counts = [Int](repeating: 0, count: (bins + 1) / 2 * 2) }

  /// How many bins an observer takes.
  static func bins(default count: Int, from least: Int = 64) -> ParameterSpec {
    .integer("bins", default: count, in: least...65536, doc: "Bins of the histogram, rounded up to an even number")
  }

  var width: Double { 2 * limit / Double(counts.count) }

  /// The middle of a bin.
  func center(_ index: Int) -> Double { -limit + (Double(index) + 0.5) * width }

  /// Counts the finite elements.
  mutating func add(_ values: Tensor) throws {
    for value in try values.values(as: Float.self) where value.isFinite { add(Double(value)) }
  }

  mutating func add(_ value: Double) {
    // Zeros before the first other value went into the bin that starts at 0, where they belong for any limit.
    if limit == 0 { limit = abs(value) }
    while abs(value) > limit { double() }
    let position = width > 0 ? Int((value + limit) / width) : counts.count / 2
    counts[min(max(position, 0), counts.count - 1)] += 1
    total += 1
    low = min(low, value)
    high = max(high, value)
  }

  private mutating func double() {
    let half = counts.count / 2
    var merged = [Int](repeating: 0, count: counts.count)
    for (index, count) in counts.enumerated() {
      // Bin boundaries of the wider histogram fall on every second old one, counted from the middle.
      let fromMiddle = index - half
      merged[half + (fromMiddle >= 0 ? fromMiddle / 2 : (fromMiddle - 1) / 2)] += count
    }
    counts = merged
    limit *= 2
  }

  /// The value that `share` of the counts lie at or below, within one bin and within what was seen.
  func quantile(_ share: Double) -> Double {
    let wanted = share * Double(total)
    var reached = 0.0
    for (index, count) in counts.enumerated() where count > 0 {
      let next = reached + Double(count)
      if next >= wanted {
        let inside = min(max((wanted - reached) / Double(count), 0), 1)
        return min(max(-limit + (Double(index) + inside) * width, low), high)
      }
      reached = next
    }
    return high
  }
}
