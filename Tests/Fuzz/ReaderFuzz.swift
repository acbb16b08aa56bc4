#if !GUIDED
import Foundation

/// Numbered mutations of files: `ReaderFuzz FROM TO FOLDER FILE...`. Guided.swift is the other half of this program.
@main enum ReaderFuzz {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count > 4, let from = Int(arguments[1]), let to = Int(arguments[2]), from <= to else {
      print("usage: ReaderFuzz FROM TO FOLDER FILE...")
      exit(2)
    }
    exit(try readMutations(from..<to, of: Array(arguments[4...]), in: arguments[3]) ? 0 : 1)
  }
}
#endif
