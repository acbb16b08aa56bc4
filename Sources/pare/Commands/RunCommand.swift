import ArgumentParser
import Scripting
import Support

/// The prompt, a script, a chunk, or standard input.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs the prompt, a Lua script or a chunk.", shouldDisplay: false)

  @OptionGroup var options: GlobalOptions

  @Option(name: .customShort("e"), help: ArgumentHelp("Runs a Lua chunk and prints what it returns.", valueName: "chunk"))
  var chunk: String?

  @Argument(parsing: .captureForPassthrough, help: "A script (or - for standard input) and its arguments.")
  var script: [String] = []

  func validate() throws {
    // What is no option of `pare` would be taken for a script of that name.
    guard chunk == nil, let first = script.first, first != "-", first.hasPrefix("-"), !first.hasSuffix(".lua"), !first.contains("/")
    else { return }
    throw GlobalOptions.unknown(first)
  }

  func run() throws {
    let environment = try options.start(arguments: script)
    let status: Int32 =
      if let chunk {
        environment.run(chunk: chunk)
      } else if let file = script.first {
        file == "-" ? environment.runStandardInput() : environment.run(file: file)
      } else {
        environment.prompt()
      }
    if status != 0 { throw ExitCode(status) }
  }
}
