import ArgumentParser
import Compression
import Support

/// `pare methods`: the catalogue of the registry.
struct MethodsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "methods", abstract: "Lists methods, criteria, schedules, ...; with a name, all about one.",
    discussion: "Example: pare methods prune")

  @Argument(help: "The name of an entry: prune, magnitude, criterion.magnitude; or a kind: criterion.") var name: String?
  @Flag(help: "Prints one JSON document.") var json = false
  @OptionGroup var options: GlobalOptions

  func run() throws {
    let environment = try options.start()
    defer { withExtendedLifetime(environment) {} }
    let all = Registry.shared.list()
    var chosen = all.filter { name == nil || $0.name == name || "\($0.kind).\($0.name)" == name }
    let kind = chosen.isEmpty ? name.flatMap(ExtensionKind.init(rawValue:)) : nil
    if let kind { chosen = all.filter { $0.kind == kind } }
    if let name, chosen.isEmpty {
      let known = all.map(\.name) + all.map { "\($0.kind).\($0.name)" } + ExtensionKind.allCases.map(\.rawValue)
      throw PareError(
        .notFound, kind == nil ? "there is no entry '\(name)'" : "no \(name) is registered", argument: "name",
        suggestion: kind == nil ? Suggestion.didYouMean(name, among: known) ?? "see pare methods" : nil)
    }
    if json { return try JSON.print(chosen.map(Row.init)) }
    if name == nil || kind != nil {
      var table = Table(["kind", "name", "family", "summary", "source"], numeric: [])
      for one in chosen {
        table.add([one.kind.rawValue, one.name, one.family ?? "", one.entry.summary, one.entry.reference])
      }
      print(table.text)
    } else {
      print(chosen.map(Self.page).joined(separator: "\n\n"))
    }
  }

  private static func page(_ one: Registration) -> String {
    var lines = ["\(one.kind).\(one.name)   \(one.entry.summary)", "source: \(one.entry.reference)", "origin: \(one.origin)"]
    guard !one.entry.parameters.isEmpty else { return lines.joined(separator: "\n") }
    var table = Table(["parameter", "expects", "default", ""], numeric: [])
    for parameter in one.entry.parameters {
      let usual = parameter.default.map { "\($0)" } ?? (parameter.isRequired ? "required" : "")
      table.add([parameter.name, parameter.expectation, usual, parameter.doc])
    }
    lines.append(table.text)
    return lines.joined(separator: "\n")
  }

  private struct Row: Encodable {
    struct Parameter: Encodable {
      let name, type, doc: String
      let `default`: String?
      let range: String?
      let choices: [String]?
      let required: Bool
    }
    let kind, name, summary, reference, origin: String
    let family: String?
    let parameters: [Parameter]

    init(_ one: Registration) {
      (kind, name, family) = (one.kind.rawValue, one.name, one.family)
      (summary, reference, origin) = (one.entry.summary, one.entry.reference, "\(one.origin)")
      parameters = one.entry.parameters.map {
        Parameter(
          name: $0.name, type: $0.type.rawValue, doc: $0.doc, default: $0.default.map { "\($0)" },
          range: $0.range.map { "\($0)" }, choices: $0.choices.isEmpty ? nil : $0.choices, required: $0.isRequired)
      }
    }
  }
}
