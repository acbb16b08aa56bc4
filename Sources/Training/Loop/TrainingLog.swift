import Glibc
import Support

/// The file of a training's epochs: one JSON object a line, the whole file written anew after each epoch, so that a
/// resumed training leaves the lines that an uninterrupted one would.
///
/// `cpu_seconds` is the processor time of all threads from the start to the end of that epoch, summed over the
/// processes that the training ran in; what a killed process did after its last checkpoint is not in it.
struct TrainingLog {
  /// Of the processes before this one.
  private var earlier = 0.0
  private let start = TrainingLog.clock()
  private(set) var lines: [String] = []

  init() {}

  init(lines: [String], seconds: Double) {
    self.lines = lines
    earlier = seconds
  }

  /// Processor time since the training's start.
  var seconds: Double { earlier + Self.clock() - start }

  private static func clock() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  mutating func add(_ record: EpochRecord) {
    func number(_ value: Double?) -> String { value.flatMap { $0.isFinite ? "\($0)" : nil } ?? "null" }
    lines.append(
      "{\"epoch\": \(record.epoch), \"lr\": \(number(record.lr)), \"loss\": \(number(record.loss)), "
        + "\"accuracy\": \(number(record.accuracy)), \"validation_loss\": \(number(record.validationLoss)), "
        + "\"validation_accuracy\": \(number(record.validationAccuracy)), "
        + "\"skipped_steps\": \(record.skippedSteps), \"cpu_seconds\": \((seconds * 1000).rounded() / 1000)}")
  }

  func write(to path: String) throws { try AtomicFile.write(lines.map { $0 + "\n" }.joined(), to: path) }
}
