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
    static let configuration = CommandConfiguration(
      commandName: "new", abstract: "Writes a plugin that builds and runs, to start from: NAME.swift or NAME.lua.",
      discussion: "Example: pare plugin new my_criterion --kind criterion")
    @Argument(help: "The entry's name: lower case, words joined by _.") var name: String
    @Option(help: ArgumentHelp(ExtensionKind.allCases.map(\.rawValue).joined(separator: ", ") + ".")) var kind: String
    @Flag(help: "In Lua instead of Swift.") var lua = false
    @OptionGroup var options: GlobalOptions

    func run() throws {
      try options.apply()
      let kinds = ExtensionKind.allCases.map(\.rawValue)
      guard let kind = ExtensionKind(rawValue: kind) else {
        throw PareError(
          .argument, "there is no kind '\(kind)'", argument: "kind", expected: kinds.joined(separator: ", "), got: kind,
          suggestion: Suggestion.didYouMean(kind, among: kinds))
      }
      let language: PluginSkeleton.Language = lua ? .lua : .swift
      let path = "\(name).\(language.rawValue)"
      let text = try PluginSkeleton.source(kind, name: name, language)
      guard !Folders.exists(path) else { throw PareError(.io, "'\(path)' is there already", file: path) }
      try AtomicFile.write(text, to: path)
      print(path)
      Console.note(lua ? "load it: pare --plugin \(path)" : "build it: pare plugin build \(path)   or load it in a script: plugin.load(\"\(path)\")")
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
