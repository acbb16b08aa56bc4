import Glibc
import Synchronization

/// Reports how far long work is: a bar with rate and time left on a terminal, plain lines when piped, nothing when quiet.
///
/// Everything goes to standard error.
public final class ProgressBar: Sendable {
  private struct State {
    var drawn = 0.0
    var lastTenth = -1
    var finished = false
  }
  private let title: String
  private let total: Int
  private let started = ProgressBar.now()
  private let onTerminal = isatty(STDERR_FILENO) == 1
  private let state = Mutex(State())

  /// - Parameter total: units of work; the unit is the caller's.
  public init(_ title: String, total: Int) {
    self.title = title
    self.total = max(1, total)
  }

  /// Says that `done` units are finished; `note` stands behind the bar (a loss, a candidate).
  public func update(_ done: Int, note: @autoclosure () -> String = "") {
    guard !Console.isQuiet else { return }
    let now = ProgressBar.now()
    let line: String? = state.withLock { state in
      guard !state.finished else { return nil }
      let finished = done >= total
      if onTerminal {
        guard finished || now - state.drawn > 0.1 else { return nil }
        state.drawn = now
        state.finished = finished
        return "\r\u{1B}[2K" + bar(done, now) + " " + note() + (finished ? "\n" : "")
      }
      // Short work needs no lines in a log; long work gets one for each tenth.
      let tenth = done * 10 / total
      guard now - started > 2, tenth > state.lastTenth else { return nil }
      state.lastTenth = tenth
      state.finished = finished
      return "\(title): \(done)/\(total) \(note())\n"
    }
    if let line { Console.write(line) }
  }

  /// Ends an unfinished bar, so that what follows starts on its own line.
  public func end() {
    let open = state.withLock { state in
      defer { state.finished = true }
      return onTerminal && state.drawn > 0 && !state.finished
    }
    if open && !Console.isQuiet { Console.write("\n") }
  }

  private func bar(_ done: Int, _ now: Double) -> String {
    let width = 24
    let filled = min(width, done * width / total)
    let seconds = now - started
    let rate = seconds > 0 ? Double(done) / seconds : 0
    let left = rate > 0 ? Double(total - done) / rate : 0
    let cells = String(repeating: "█", count: filled) + String(repeating: "·", count: width - filled)
    return "\(title) \(cells) \(done)/\(total) \(ProgressBar.round(rate))/s, \(ProgressBar.round(left)) s left"
  }

  private static func round(_ value: Double) -> String {
    value >= 10 ? "\(Int(value.rounded()))" : "\((value * 10).rounded() / 10)"
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
