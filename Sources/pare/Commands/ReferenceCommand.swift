import ArgumentParser
import Scripting
import Support

/// `pare reference`: the pages that are generated from the declarations.
struct ReferenceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reference", abstract: "Prints the generated reference, or writes it into a checkout's docs/.",
    discussion: "Example: pare reference lua > lua.md\n         pare reference --write .")

  @Argument(help: "lua, methods or stubs (for the Lua language server).") var what: String?
  @Option(help: ArgumentHelp("Writes all of them under this folder: docs/lua.md, docs/methods.md, docs/pare.lua.", valueName: "checkout")) var write: String?
  @OptionGroup var options: GlobalOptions

  func run() throws {
    let environment = try options.start()
    defer { withExtendedLifetime(environment) {} }
    if let write {
      for one in Reference.allCases { try AtomicFile.write(environment.reference(one), to: write + "/" + one.path) }
      return
    }
    let names = Reference.allCases.map(\.rawValue)
    guard let what, let one = Reference(rawValue: what) else {
      throw PareError(
        .argument, "pare reference", argument: "what", expected: names.joined(separator: ", "), got: what ?? "nothing",
        suggestion: what.flatMap { Suggestion.didYouMean($0, among: names) })
    }
    print(environment.reference(one), terminator: "")
  }
}
