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

/// The range, refused where nothing finite was seen.
func seen(_ low: Double, _ high: Double) throws -> (low: Double, high: Double) {
  guard low <= high, low.isFinite, high.isFinite else {
    throw PareError(.argument, "no finite value was observed: calibration saw no sample, or only infinities")
  }
  return (low, high)
}
