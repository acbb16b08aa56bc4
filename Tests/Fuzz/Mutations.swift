import Foundation
import Support

/// Feeds numbered mutations of files to the readers, in one process, and inspects what they let in.
///
/// The number of the mutation at hand stands in `folder`/number, and its file in `folder` beside it, so that whoever
/// started this knows which one ended it. A file that takes more than 4 times its size and 64 MB of memory is counted; one
/// that takes more than 5 seconds of the processor ends the process.
///
/// - Returns: whether all kept within their memory.
func readMutations(_ numbers: Range<Int>, of paths: [String], in folder: String) throws -> Bool {
  let originals = try paths.map { (path: $0, bytes: [UInt8](try Data(contentsOf: URL(fileURLWithPath: $0)))) }
  var refused = 0, taken = 0, greedy = 0
  for number in numbers {
    let (path, bytes) = originals[number % originals.count]
    let kind = path.split(separator: ".").last.map(String.init) ?? ""
    var mutator = Mutator(seed: UInt64(number))
    let mutated = mutator.mutated(bytes, kind)
    let file = "\(folder)/m.\(kind)"
    try Data(mutated).write(to: URL(fileURLWithPath: file))
    try Data("\(number)".utf8).write(to: URL(fileURLWithPath: "\(folder)/number"))
    let before = Memory.resident()
    Memory.forgetPeak()
    Processor.allow(seconds: 5)
    do {
      try inspect(file, kind)
      taken += 1
    } catch is PareError {
      refused += 1
    }
    Processor.allow(seconds: 0)
    let growth = Memory.peak() - before
    if growth > 4 * mutated.count + 64 << 20 {
      greedy += 1
      print("mutation \(number) of \(path): memory grew by \(growth >> 20) MB for \(mutated.count) bytes")
    }
  }
  print("\(numbers.count) mutated files: \(taken) read, \(refused) refused, \(greedy) take too much memory")
  return greedy == 0
}

private enum Memory {
  private static func field(_ name: String) -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) } ?? ""
    return (line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }
  static func resident() -> Int { field("VmRSS:") }
  static func peak() -> Int { field("VmHWM:") }
  /// Lets the peak begin anew.
  static func forgetPeak() { try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs")) }
}

private enum Processor {
  /// Ends the process by SIGPROF after so much work; 0: never. A busy machine does not count.
  static func allow(seconds: Int) {
    var timer = itimerval(it_interval: timeval(), it_value: timeval(tv_sec: seconds, tv_usec: 0))
    setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
  }
}
