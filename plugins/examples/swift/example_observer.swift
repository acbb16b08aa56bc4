// An observer: which range do activations take? quantize{bits=8, observer="example_observer"}.
import PareKit

struct ExampleObserver: RangeObserver {
  static let entry = Entry(name: "example_observer", summary: "Mean of the batches' extremes", reference: "own")
  init(_ arguments: Arguments) throws {}
  func start() throws -> any RangeObservation { Observation() }

  // Of fixed size, however long the calibration.
  struct Observation: RangeObservation {
    var low = 0.0, high = 0.0, count = 0.0

    mutating func update(_ values: Tensor) throws {
      low += try values.min().item()
      high += try values.max().item()
      count += 1
    }

    func range() throws -> (low: Double, high: Double) { (min(0, low / max(1, count)), max(0, high / max(1, count))) }
  }
}

let plugin = Plugin(ExampleObserver.self)
