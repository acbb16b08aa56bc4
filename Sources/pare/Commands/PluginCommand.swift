import ArgumentParser
import Compression
import Support

/// `pare plugin`: native plugins.
struct PluginCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plugin", abstract: "Builds, lists and checks plugins.",
    discussion: "Example: pare plugin build my_criterion.swift",
    subcommands: [New.self, Build.self, List.self, Check.self])

  struct New: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "new", abstract: "Writes a skeleton to start from.")
    @Argument(help: "The plugin's name.") var name: String
    @Option(help: "criterion, schedule, method, ...") var kind: String
    @OptionGroup var options: GlobalOptions

    func run() throws {
      throw PareError(
        .unsupported, "plugin new is not there yet",
        suggestion: "copy plugins/examples/grad_sign.swift, then: pare plugin build \(name).swift")
    }
  }

  struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "build", abstract: "Compiles a Swift file or folder into a stamped library beside it.")
    @Argument(help: "A Swift file, or a folder of them.") var path: String
    @OptionGroup var options: GlobalOptions

    func run() throws {
      try options.apply()
      print(try PluginBuilder.build(path, into: Self.folder(of: path)))
    }

    private static func folder(of path: String) -> String {
      let trimmed = path.hasSuffix("/") ? String(path.dropLast()) : path
      return trimmed.lastIndex(of: "/").map { String(trimmed[..<$0]) } ?? "."
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "Shows the plugins that load at start, and what they add.")
    @OptionGroup var options: GlobalOptions

    func run() throws {
      let environment = try options.start()
      for plugin in PluginLoader.list { print("\(plugin.path)  \(plugin.entries.joined(separator: " "))") }
      withExtendedLifetime(environment) {}
    }
  }

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check", abstract: "Reads a library's stamp without loading it; exit 1 when it would be refused.")
    @Argument(help: "A built plugin (.so).") var path: String
    @OptionGroup var options: GlobalOptions

    func run() throws {
      try options.apply()
      let stamp = try PluginLoader.check(path)
      print("\(path) fits: interface \(stamp.interfaceVersion), \(stamp.compiler)")
    }
  }
}
