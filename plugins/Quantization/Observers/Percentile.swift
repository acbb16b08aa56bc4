import PareKit

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
      Histogram.bins(default: 2048),
    ])
  private let percentile: Double
  private let bins: Int

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws {
    percentile = try arguments.number("percentile")
    bins = try arguments.integer("bins")
  }

  /// An observation of one histogram; it leaves out NaN and infinities, and its range throws `argument` when nothing is left.
  public func start() throws -> any RangeObservation { Observation(histogram: Histogram(bins: bins), share: percentile / 100) }

  private struct Observation: RangeObservation {
    var histogram: Histogram
    let share: Double

    mutating func update(_ values: Tensor) throws { try histogram.add(values) }

    func range() throws -> (low: Double, high: Double) {
      guard histogram.total > 0 else { return try seen(.infinity, -.infinity) }
      return (histogram.quantile(1 - share), histogram.quantile(share))
    }
  }
}
