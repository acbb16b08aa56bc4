import Compression
import LuaBridge
import Support

/// Help texts, all derived from declarations.
enum Help {
  static let function = Function(
    "help", [.string("x", optional: true, doc: "A function, a value, or a name such as \"criterion.magnitude\"")],
    "Explains a function, a type or an entry of the registry", example: "help(prune); help \"criterion.taylor\"; help(tensor.zeros)"
  ) { call in
    print(try text(for: call.value(1), call.environment))
    return 0
  }

  /// Help for a value or a name.
  static func text(for value: LuaValue, _ environment: ScriptEnvironment) throws -> String {
    switch value {
    case .null: return overview(environment)
    case .string(let name): return try text(named: name, environment)
    case .function(let function):
      if let name = try name(of: function, environment) { return try text(named: name, environment) }
      if let place = try function.place() { return "a function of \(place.source.dropFirst()), line \(place.lines.lowerBound)" }
      return "a function of Lua: see https://www.lua.org/manual/5.4/"
    case .table(let table):
      for (name, member) in try environment.globals.table.fields {
        if case .table(let other) = member, try other.identity == table.identity { return try text(named: name, environment) }
      }
      return "a table with \(try table.pairs().count) values"
    case .object(let object):
      if let step = try object.object(as: StepHandle.self) { return text(of: step.step.registration) }
      var fields: [String] = []
      if let metatable = try object.metatable(), case .table(let names) = try metatable[key: "__properties"] {
        fields = try names.list.compactMap { if case .string(let name) = $0 { name } else { nil } }
      }
      return type(try object.typeName(), fields: fields, environment)
    default: return value.typeName.withArticle
    }
  }

  /// Help for a name: a bound function, a namespace, `kind.entry`, or an entry of any kind.
  static func text(named name: String, _ environment: ScriptEnvironment) throws -> String {
    let name = name.trimmingPrefix { $0 == " " }.description
    if name.isEmpty { return overview(environment) }
    if let function = environment.declarations[name] { return text(of: function, environment) }
    if name.hasPrefix("method."), let registration = Registry.shared.lookUp(.method, String(name.dropFirst(7))) {
      return text(of: registration)
    }
    let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
    if parts.count == 2, let kind = ExtensionKind(rawValue: parts[0]) {
      return text(of: try Registry.shared.find(kind, parts[1]))
    }
    let entries = Registry.shared.list().filter { $0.name == name }
    if !entries.isEmpty { return entries.map(text(of:)).joined(separator: "\n\n") }
    if let kind = ExtensionKind(rawValue: name), name != "operator" || Registry.shared.list(kind).isEmpty == false {
      let rows = Registry.shared.list(kind).map { ["  " + $0.name, $0.entry.summary] }
      return rows.isEmpty ? "no \(name) is registered" : "\(name):\n" + aligned(rows)
    }
    let members = environment.declarations.values.filter { $0.name.hasPrefix(name + ".") }.sorted { $0.name < $1.name }
    if !members.isEmpty { return aligned(members.map { [$0.usage, $0.summary] }) }
    let methods = environment.declarations.values.filter { $0.isMethod && ($0.key == name || $0.name.hasPrefix(name + ":")) }
    if !methods.isEmpty { return methods.sorted { $0.name < $1.name }.map { text(of: $0, environment) }.joined(separator: "\n\n") }
    let known = Array(environment.declarations.keys) + Registry.shared.list().map { "\($0.kind).\($0.name)" }
      + Registry.shared.list().map(\.name)
    throw PareError(
      .notFound, "no help for '\(name)'", argument: name,
      suggestion: Suggestion.didYouMean(name, among: known) ?? "help() lists what there is")
  }

  private static func overview(_ environment: ScriptEnvironment) -> String {
    let names = Set(environment.declarations.keys.compactMap { key in key.contains(":") ? nil : key.split(separator: ".").first.map(String.init) })
    let methods = Registry.shared.list(.method)
    var lines = ["Pare's globals: " + names.sorted().joined(separator: ", ") + ", method", ""]
    lines.append("Methods of compression:")
    lines.append(aligned(methods.map { ["  " + $0.name, $0.entry.summary] }))
    lines += ["", "help(prune)   help \"criterion\"   help \"criterion.magnitude\"   help(tensor)   help(m)"]
    return lines.joined(separator: "\n")
  }

  private static func type(_ name: String, fields: [String], _ environment: ScriptEnvironment) -> String {
    let receivers = [
      "tensor": "x", "model": "m", "session": "s", "data part": "part", "step": "s", "result": "r", "front": "f",
      "optimizer": "opt", "training state": "t", "graph value": "v", "random source": "rng",
    ]
    let head = name.withArticle + (fields.isEmpty ? "" : ", with the fields " + fields.joined(separator: ", "))
    guard let receiver = receivers[name] else { return head }
    var methods = environment.declarations.values.filter { $0.name.hasPrefix(receiver + ":") }
    // Sessions and steps share a letter.
    if name == "step" { methods.removeAll { ["run", "benchmark", "profile"].contains($0.key) } }
    if name == "session" { methods.removeAll { ["plan", "front"].contains($0.key) } }
    return head + ":\n" + aligned(methods.sorted { $0.name < $1.name }.map { ["  " + $0.usage, $0.summary] })
  }

  /// The declared name of a bound function.
  private static func name(of function: LuaFunction, _ environment: ScriptEnvironment) throws -> String? {
    let identity = try function.identity
    for (name, value) in try environment.globals.table.fields {
      switch value {
      case .function(let other) where try other.identity == identity: return name
      case .table(let table):
        for (key, member) in try table.fields {
          if case .function(let other) = member, try other.identity == identity { return "\(name).\(key)" }
        }
      default: continue
      }
    }
    return nil
  }

  // MARK: Texts

  static func text(of function: Function, _ environment: ScriptEnvironment) -> String {
    var lines = [function.usage, "  " + function.summary]
    lines += parameters(function.positional.filter { !$0.doc.isEmpty } + function.options)
    if !function.example.isEmpty { lines.append("  example: " + function.example) }
    return lines.joined(separator: "\n")
  }

  static func text(of registration: Registration) -> String {
    let entry = registration.entry
    var lines = ["\(registration.kind) \(entry.name)" + (entry.family.map { " (\($0))" } ?? "")]
    if !entry.summary.isEmpty { lines.append("  " + entry.summary) }
    lines.append("  reference: \(entry.reference); from: \(registration.origin)")
    lines += parameters(entry.parameters)
    let given = entry.parameters.filter(\.isRequired).map { "\($0.name)=..." }.joined(separator: ", ")
    lines.append(
      registration.kind == .method
        ? "  example: " + (entry.example ?? "\(entry.name){\(given)}")
        : "  example: \(registration.kind)=" + (given.isEmpty ? "\"\(entry.name)\"" : "{\"\(entry.name)\", \(given)}"))
    return lines.joined(separator: "\n")
  }

  private static func parameters(_ specs: [ParameterSpec]) -> [String] {
    guard !specs.isEmpty else { return [] }
    let rows = specs.map { spec in
      let fallback = spec.default.map { ", default \($0.brief)" } ?? (spec.isOptional ? "" : ", required")
      return ["    " + spec.name, spec.expectation + fallback, spec.doc]
    }
    return aligned(rows).split(separator: "\n").map(String.init)
  }

  private static func aligned(_ rows: [[String]]) -> String {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in min(60, rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0) }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        line += cell
        if column + 1 < row.count { line += String(repeating: " ", count: max(2, widths[column] - cell.count + 2)) }
      }
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}
