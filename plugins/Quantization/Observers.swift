import PareKit

/// Lowest and highest value seen.
public struct MinMax: RangeObserver {
  public static let entry = Entry(
    name: "minmax", summary: "Lowest and highest value seen", reference: "Jacob et al. 2018, section 3.1")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}
  /// An observation of two numbers; its range throws `argument` when nothing was seen, or an infinity.
  public func start() throws -> any RangeObservation { Observation() }

  private struct Observation: RangeObservation {
    var low = Double.infinity
    var high = -Double.infinity

    mutating func update(_ values: Tensor) throws {
      guard values.count > 0 else { return }
      low = Swift.min(low, try values.min().item())
      high = Swift.max(high, try values.max().item())
    }

    func range() throws -> (low: Double, high: Double) { try seen(low, high) }
  }
}

/// The range without a small share of the values at each end.
///
/// A histogram of fixed size over a range that doubles when a value falls outside: bins merge in pairs, nothing that was
/// counted is lost, memory does not grow with the data. The result is exact to one bin of the final range.
public struct Percentile: RangeObserver {
  public static let entry = Entry(
    name: "percentile", summary: "The range that leaves out a small share of the values at each end",
    reference: "Wu et al. 2020, \"Integer Quantization for Deep Learning Inference\"",
    parameters: [
      .number("percentile", default: 99.99, in: 50...100, doc: "Percent of the values at or below the high end"),
      .integer("bins", default: 2048, in: 64...65536, doc: "Bins of the histogram, rounded up to an even number"),
    ])
  private let percentile: Double
  private let bins: Int

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    percentile = try arguments.number("percentile")
    bins = (try arguments.integer("bins") + 1) / 2 * 2
  }

  /// An observation of one histogram; it leaves out NaN and infinities, and its range throws `argument` when nothing is left.
  public func start() throws -> any RangeObservation { Observation(histogram: Histogram(bins: bins), share: percentile / 100) }

  private struct Observation: RangeObservation {
    var histogram: Histogram
    let share: Double

    mutating func update(_ values: Tensor) throws {
      for value in try values.values(as: Float.self) where value.isFinite { histogram.add(Double(value)) }
    }

    func range() throws -> (low: Double, high: Double) {
      guard histogram.total > 0 else { return try seen(.infinity, -.infinity) }
      return (histogram.quantile(1 - share), histogram.quantile(share))
    }
  }
}

/// Counts in equal bins over `-limit ..< limit`, which doubles when needed.
struct Histogram {
  private(set) var counts: [Int]
  private(set) var limit = 0.0
  private(set) var total = 0
  private var low = Double.infinity
  private var high = -Double.infinity

  init(bins: Int) { counts = [Int](repeating: 0, count: bins) }

  var width: Double { 2 * limit / Double(counts.count) }

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

private func seen(_ low: Double, _ high: Double) throws -> (low: Double, high: Double) {
  guard low <= high, low.isFinite, high.isFinite else {
    throw PareError(.argument, "no finite value was observed: calibration saw no sample, or only infinities")
  }
  return (low, high)
}
