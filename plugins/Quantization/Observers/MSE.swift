import PareKit

/// The range whose grid has the least squared error: what clipping costs against what a coarser step costs.
///
/// Errors are those of the middles of a histogram's bins on the affine grid of so many bits. Each end is tried at hundredths
/// of what was seen, in turn, until neither moves.
public struct MeanSquaredError: RangeObserver {
  public static let entry = Entry(
    name: "mse", summary: "The range whose grid has the least squared error",
    reference: "Choukroun et al. 2019, \"Low-bit Quantization of Neural Networks for Efficient Inference\" (OMSE); Banner et al. 2019",
    parameters: [
      .integer("bits", default: 8, in: 2...8, doc: "Bits of the grid"),
      Histogram.bins(default: 2048),
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

    mutating func update(_ values: Tensor) throws { try histogram.add(values) }

    func range() throws -> (low: Double, high: Double) {
      guard histogram.total > 0 else { return try seen(.infinity, -.infinity) }
      // The grid holds 0 in any case.
      let ends = (low: min(histogram.low, 0), high: max(histogram.high, 0))
      let bins = histogram.counts.indices.filter { histogram.counts[$0] > 0 }
        .map { (value: histogram.center($0), count: Double(histogram.counts[$0])) }
      func error(_ low: Double, _ high: Double) -> Double {
        let levels = Double((1 << bits) - 1), grid = Grid(low: low, high: high, levels: levels), step = Double(grid.scale)
        return bins.reduce(0) { sum, bin in
          let integer = min(max((bin.value / step).rounded(.toNearestOrEven) + Double(grid.zero), 0), levels)
          let off = bin.value - (integer - Double(grid.zero)) * step
          return sum + off * off * bin.count
        }
      }
      func best(_ end: Double, _ error: (Double) -> Double) -> Double {
        guard end != 0 else { return 0 }
        // From the whole range on, so that it stays where nothing is gained.
        return stride(from: 100, through: 1, by: -1).map { end * Double($0) / 100 }
          .reduce((end, Double.infinity)) { best, candidate in
            let found = error(candidate)
            return found < best.1 ? (candidate, found) : best
          }.0
      }
      var (low, high) = ends
      for _ in 0..<4 {
        let newHigh = best(ends.high) { error(low, $0) }
        let newLow = best(ends.low) { error($0, newHigh) }
        if newHigh == high, newLow == low { break }
        (low, high) = (newLow, newHigh)
      }
      return (low, high)
    }
  }
}
