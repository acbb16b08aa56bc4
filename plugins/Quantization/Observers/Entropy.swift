import Glibc
import PareKit

/// The range that loses the least information: the smallest Kullback-Leibler divergence between the distribution of sizes
/// and what a grid of so many bits leaves of it.
///
/// Values are counted by size, without zeros: every grid holds 0 exactly, and the many that a ReLU leaves would drown the
/// rest. For each threshold the counts beyond it are added to the last bin before it (P), the bins are
/// joined into as many groups as the grid has levels and spread again over the bins of the group that were not empty (Q).
public struct Entropy: RangeObserver {
  public static let entry = Entry(
    name: "entropy", summary: "The range that loses the least information, by Kullback-Leibler divergence",
    reference: "Migacz 2017, \"8-bit Inference with TensorRT\"",
    parameters: [
      .integer("bits", default: 8, in: 2...8, doc: "Bits of the grid"),
      Histogram.bins(default: 4096, from: 512),
    ])
  private let bits: Int
  private let bins: Int

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    bits = try arguments.integer("bits")
    bins = try arguments.integer("bins")
  }

  /// An observation of one histogram; it leaves out NaN and infinities, and its range throws `argument` when nothing is left.
  public func start() throws -> any RangeObservation { Observation(histogram: Histogram(bins: bins), bits: bits) }

  private struct Observation: RangeObservation {
    var histogram: Histogram
    let bits: Int
    var zeros = 0

    mutating func update(_ values: Tensor) throws {
      zeros += try values.count - values.countNonzero()
      try histogram.add(values)
    }

    func range() throws -> (low: Double, high: Double) {
      guard histogram.total > 0 else { return try seen(.infinity, -.infinity) }
      let half = histogram.counts.count / 2
      var sizes = (0..<half).map { Double(histogram.counts[half + $0] + histogram.counts[half - 1 - $0]) }
      sizes[0] -= Double(zeros)
      // Half of a signed grid's levels stand for each sign.
      let levels = histogram.low < 0 ? 1 << (bits - 1) : 1 << bits
      let kept = EntropyThreshold.bins(of: sizes, levels: levels)
      let limit = kept == half ? histogram.limit : Double(kept) * histogram.width
      return try seen(max(histogram.low, -limit), min(histogram.high, limit))
    }
  }
}

/// The search for the threshold, on counts of sizes.
enum EntropyThreshold {
  /// Returns how many bins lie below the best threshold; all of them where there are no more than levels.
  static func bins(of counts: [Double], levels: Int) -> Int {
    var best = (count: counts.count, divergence: Double.infinity)
    guard counts.count > levels else { return best.count }
    var beyond = counts.dropFirst(levels).reduce(0, +)
    for count in levels...counts.count {
      if count > levels { beyond -= counts[count - 1] }
      // What nothing was counted below tells nothing.
      guard counts[..<count].contains(where: { $0 > 0 }) else { continue }
      let divergence = divergence(counts[..<count], beyond: beyond, levels: levels)
      // Of equals the widest.
      if divergence <= best.divergence { best = (count, divergence) }
    }
    return best.count
  }

  /// The divergence of the grid's distribution from that of the counts, both normalized; infinite where Q is 0 and P is not.
  private static func divergence(_ counts: ArraySlice<Double>, beyond: Double, levels: Int) -> Double {
    let total = counts.reduce(0, +) + beyond, kept = counts.reduce(0, +)
    guard kept > 0 else { return .infinity }
    var sum = 0.0
    for level in 0..<levels {
      let group = counts[level * counts.count / levels..<(level + 1) * counts.count / levels]
      let filled = Double(group.count { $0 > 0 }), mass = group.reduce(0, +)
      for (index, count) in zip(group.indices, group) {
        let p = (count + (index == counts.count - 1 ? beyond : 0)) / total
        guard p > 0 else { continue }
        guard count > 0 else { return .infinity }
        sum += p * log(p / (mass / filled / kept))
      }
    }
    return sum
  }
}
