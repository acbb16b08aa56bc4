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
      guard argument.hasPrefix("-") else { return Array(arguments[index...] + arguments[..<index]) }
      if ["-h", "--help", "--version"].contains(argument) { return arguments }
      index += GlobalOptions.takesValue(argument) ? 2 : 1
    }
    return ["run"] + arguments
  }
}

/// The version of the program.
enum Version {
  static let current = pareVersion
}
