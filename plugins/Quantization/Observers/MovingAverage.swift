import PareKit

/// Lowest and highest value of a batch, averaged over the batches: a single outlier moves the range a little only.
///
/// `low <- momentum * low + (1 - momentum) * batch's lowest`, the same for high; the first batch sets both.
public struct MovingAverage: RangeObserver {
  public static let entry = Entry(
    name: "moving_average", summary: "Lowest and highest value of a batch, averaged over the batches",
    reference: "Jacob et al. 2018, section 3.1",
    parameters: [
      .number("momentum", default: 0.9, allowed: ParameterRange(minimum: 0, maximum: 1, includesMaximum: false),
        doc: "How much of the average stays with each batch")
    ])
  private let momentum: Double

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { momentum = try arguments.number("momentum") }
  /// An observation of two numbers; its range throws `argument` when nothing was seen, or an infinity.
  public func start() throws -> any RangeObservation { Observation(momentum: momentum) }

  private struct Observation: RangeObservation {
    let momentum: Double
    var ends: (low: Double, high: Double)?

    mutating func update(_ values: Tensor) throws {
      guard values.count > 0 else { return }
      let low = try values.min().item(), high = try values.max().item()
      ends = ends.map { ($0.low * momentum + low * (1 - momentum), $0.high * momentum + high * (1 - momentum)) } ?? (low, high)
    }

    func range() throws -> (low: Double, high: Double) { try seen(ends?.low ?? .infinity, ends?.high ?? -.infinity) }
  }
}
