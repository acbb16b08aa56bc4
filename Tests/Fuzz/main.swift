import Formats
import Foundation
import Graph
import Support

// Feeds mutated model files to the readers, in one process, and inspects what they let in.
//
//     ReaderFuzz FROM TO FOLDER FILE...
//
// The number of the mutation at hand stands in FOLDER/number, and its file in FOLDER beside it, so that whoever started
// this knows which one ended it. A file that takes more than 4 times its size and 64 MB of memory is kept and counted;
// one that takes longer than 5 seconds ends the process.

let arguments = CommandLine.arguments
guard arguments.count > 4, let from = Int(arguments[1]), let to = Int(arguments[2]) else {
  print("usage: ReaderFuzz FROM TO FOLDER FILE...")
  exit(2)
}
let folder = arguments[3]
let originals = try arguments[4...].map { (path: $0, bytes: [UInt8](try Data(contentsOf: URL(fileURLWithPath: $0)))) }
var refused = 0, taken = 0, greedy = 0

for number in from..<to {
  let (path, bytes) = originals[number % originals.count]
  let kind = path.split(separator: ".").last.map(String.init) ?? ""
  var mutator = Mutator(seed: UInt64(number))
  let mutated = mutator.mutated(bytes, kind)
  let file = "\(folder)/m.\(kind)"
  try Data(mutated).write(to: URL(fileURLWithPath: file))
  try Data("\(number)".utf8).write(to: URL(fileURLWithPath: "\(folder)/number"))
  let before = Memory.resident()
  Memory.forgetPeak()
  alarm(5)
  do {
    try inspect(file, kind)
    taken += 1
  } catch is PareError {
    refused += 1
  }
  alarm(0)
  let growth = Memory.peak() - before
  if growth > 4 * mutated.count + 64 << 20 {
    greedy += 1
    print("mutation \(number) of \(path): memory grew by \(growth >> 20) MB for \(mutated.count) bytes")
  }
}
print("\(to - from) mutated files: \(taken) read, \(refused) refused, \(greedy) take too much memory")
exit(greedy == 0 ? 0 : 1)

/// What `pare inspect` does.
func inspect(_ file: String, _ kind: String) throws {
  guard kind != "safetensors" else {
    _ = try Safetensors.load(file)
    return
  }
  let model = try ModelFile.load(file)
  _ = try model.layers()
  _ = try model.cost()
  _ = try model.summary()
}

enum Memory {
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
