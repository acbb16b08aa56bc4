import ArgumentParser
import Support

/// `--shape`, which fixes sizes that a model leaves free.
struct ShapeOption: ParsableArguments {
  @Option(name: .customLong("shape"), help: ArgumentHelp("The shape of an input.", valueName: "name=1x64")) var shapes: [String] = []

  func validate() throws {
    do { _ = try parsed() } catch let error as PareError { throw ValidationError("\(error)") }
  }

  /// The sizes by input.
  func parsed() throws -> [String: [Int]] {
    var parsed: [String: [Int]] = [:]
    for text in shapes {
      // Names of inputs may hold '=' too.
      guard let equals = text.lastIndex(of: "=") else { throw wrong(text) }
      let sizes = text[text.index(after: equals)...].split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
      guard equals > text.startIndex, sizes.allSatisfy({ ($0 ?? 0) > 0 }) else { throw wrong(text) }
      parsed[String(text[..<equals])] = sizes.compactMap { $0 }
    }
    return parsed
  }

  private func wrong(_ text: String) -> PareError {
    PareError(.argument, "--shape", argument: "shape", expected: "NAME=1x64", got: text)
  }
}
