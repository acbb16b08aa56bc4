import ArgumentParser
import Compression
import Support

/// `pare` itself: the table of its commands.
struct Pare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pare",
    abstract: "Makes trained neural networks smaller and faster, for real.",
    usage: """
      pare                        the prompt
      pare script.lua [args]      a Lua script
      pare -e 'chunk'             one chunk; prints what it returns
      pare - < script.lua         a script from standard input
      pare <command> ...          one of the commands below
      """,
    discussion: """
      Example: pare -e 'return data.load("digits").classes'
               pare compress net.onnx --recipe recipe.lua --data digits --output small.pare
      """,
    version: "pare \(Version.current)",
    subcommands: [
      RunCommand.self, InspectCommand.self, InferCommand.self, EvalCommand.self, BenchCommand.self,
      CompressCommand.self, ConvertCommand.self, CheckCommand.self, PluginCommand.self, MethodsCommand.self, ReferenceCommand.self,
      DoctorCommand.self,
    ])

  /// Puts the name of the hidden `run` command before what is no command: nothing at all, a script, `-`, `-e`.
  ///
  /// A first word that ends in `.lua` or holds a `/` is a script; options of `pare` stand before it.
  static func rewritten(_ arguments: [String]) -> [String] {
    var index = 0
    while index < arguments.count {
      let argument = arguments[index]
      if argument == "-e" || argument == "-" || argument.hasSuffix(".lua") || argument.contains("/") {
        return ["run"] + arguments
      }
      guard argument.hasPrefix("-") else {
        // `pare --thread 2 inspect net.onnx`: the option is at fault, not the word after it.
        let isMisspelled = !isCommand(argument) && arguments[..<index].contains { $0.hasPrefix("-") && !GlobalOptions.isKnown($0) }
        return isMisspelled ? ["run"] + arguments : Array(arguments[index...] + arguments[..<index])
      }
      if ["-h", "--help", "--version"].contains(argument) { return arguments }
      index += GlobalOptions.takesValue(argument) ? 2 : 1
    }
    return ["run"] + arguments
  }

  private static var commandNames: [String] { configuration.subcommands.compactMap { $0.configuration.commandName } }
  private static func isCommand(_ word: String) -> Bool { word == "help" || commandNames.contains(word) }

  /// - Throws: `ValidationError` with the nearest command, where the first word is a command that there is not.
  static func checkCommand(_ arguments: [String]) throws {
    guard let word = arguments.first, !word.hasPrefix("-"), !isCommand(word) else { return }
    let known = commandNames.filter { $0 != "run" }
    throw ValidationError(
      "There is no command '\(word)'" + (Suggestion.didYouMean(word, among: known).map { "; \($0)" } ?? "; a script ends in .lua or holds a /"))
  }
}

/// The version of the program.
enum Version {
  static let current = pareVersion
}
