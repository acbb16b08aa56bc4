import Compression
import Graph
import LuaBridge
import Support
import Tensor

/// What `define.*` was given: the declaration and the script's functions. Held by the registry.
struct Definition: Sendable {
  let entry: Entry
  let functions: [String: LuaFunction]
  let needs: [LuaValue]
  /// `callbacks` of a method.
  let callbacks: LuaValue?
  /// The interpreter that defined it; its functions die with it.
  let owner: Owner

  /// A weak reference to the environment. Sendable, since scripted extensions check the thread at every call.
  struct Owner: @unchecked Sendable {
    weak var environment: ScriptEnvironment?

    func get() throws -> ScriptEnvironment {
      if let environment { return environment }
      throw PareError(.internal, "the script that defined this has ended")
    }
  }

  /// Calls one of the functions.
  func call(_ name: String, _ arguments: [LuaValue]) throws -> [LuaValue] {
    guard let function = functions[name] else { throw PareError(.internal, "'\(entry.name)' has no function '\(name)'") }
    return try owner.get().state.call(function, arguments)
  }

  func statistics() throws -> Statistics {
    try needs.reduce(into: Statistics()) { result, value in
      guard case .string(let name) = value, let statistic = Statistics(named: name) else {
        let name = if case .string(let name) = value { "'\(name)'" } else { value.typeName }
        throw PareError(
          .argument, "define: needs of '\(entry.name)'", argument: "needs", expected: Statistics.allNames.joined(separator: ", "),
          got: name)
      }
      result.insert(statistic)
    }
  }
}

/// Reading of what Lua functions return, and of what `define.*` is given.
enum Defined {
  /// One function field of a definition.
  struct Field {
    let name: String
    var isOptional = false
    let signature: String
  }

  /// Calls `function(outputs, labels)` for a number.
  static func number(
    _ state: LuaState, _ function: LuaFunction, _ outputs: Tensor, _ labels: Tensor, _ what: String
  ) throws -> Double {
    let arguments = try [outputs, labels].map { try state.value(object: TensorHandle($0), bytes: $0.byteCount) }
    return try number(state.call(function, arguments).first ?? .null, what)
  }

  static func number(_ value: LuaValue, _ what: String) throws -> Double {
    switch value {
    case .number(let number): return number
    case .integer(let number): return Double(number)
    case .object(let object):
      if let handle = try object.object(as: TensorHandle.self), handle.value.count == 1 { return try handle.value.item() }
    default: break
    }
    throw PareError(.argument, "\(what) returned no number", expected: "a number", got: value.typeName)
  }

  static func integer(_ value: LuaValue, _ what: String) throws -> Int {
    let number = try number(value, what)
    if let integer = Int(exactly: number.rounded(.down)) { return integer }
    throw PareError(.argument, "\(what) returned no integer", expected: "an integer", got: "\(number)")
  }

  // MARK: Definitions

  private static let common: [ParameterSpec] = [
    .string("name", doc: "Letters, digits and _"), .string("summary", default: "", doc: "One line: what it does"),
    .string("reference", default: "own", doc: "The paper"), .string("family", default: "own"),
    .table("parameters", optional: true, doc: "p={type=\"number\", default=2, min=1, max=4, doc=\"...\"}"),
  ]

  /// The declaration of `define.KIND`.
  static func function(
    _ kind: ExtensionKind, _ fields: [Field], needs: Bool = false, callbacks: Bool = false, example: String,
    make: @escaping @Sendable (Definition, Arguments) throws -> any Extension
  ) -> Function {
    var options = common + fields.map { .function($0.name, optional: $0.isOptional, doc: $0.signature) }
    if needs { options.append(.list("needs", optional: true, doc: "What is collected before: " + Statistics.allNames.joined(separator: ", "))) }
    if callbacks { options.append(.table("callbacks", optional: true, doc: TrainingFunctions.events.joined(separator: ", "))) }
    return Function(
      "define." + kind.rawValue, options: options, style: .table, "Defines a \(kind) in Lua", example: example
    ) { call in
      let raws = Set(fields.map(\.name) + ["needs", "callbacks", "parameters"])
      let (given, raw) = try call.options(raw: raws)
      let name = try given.string("name")
      var functions: [String: LuaFunction] = [:]
      for field in fields {
        switch raw[field.name] {
        case .function(let function)?: functions[field.name] = function
        case nil where field.isOptional: continue
        case let other:
          throw PareError(
            .argument, "define.\(kind) '\(name)' needs the function '\(field.name)'", argument: field.name,
            expected: field.signature, got: other?.typeName ?? "nothing")
        }
      }
      let environment = call.environment
      let entry = Entry(
        name: name, summary: try given.string("summary"), reference: try given.string("reference"),
        parameters: try parameters(raw["parameters"], environment), family: try given.string("family"))
      if case .table? = raw["callbacks"] { _ = try TrainingFunctions.callbacks(raw["callbacks"] ?? .null, environment) }
      let definition = Definition(
        entry: entry, functions: functions, needs: try list(raw["needs"], name), callbacks: raw["callbacks"],
        owner: .init(environment: environment))
      if kind != .loss { _ = try definition.statistics() }
      try environment.define(Registration(kind: kind, entry: entry, origin: .script(environment.place(of: call))) {
        try make(definition, $0)
      })
      return 0
    }
  }

  private static func list(_ value: LuaValue?, _ name: String) throws -> [LuaValue] {
    switch value {
    case nil: return []
    case .table(let table)?: return try table.list
    case let other?:
      throw PareError(.argument, "define: needs of '\(name)'", argument: "needs", expected: "a list", got: other.typeName)
    }
  }

  /// `{p={type="number", default=2, min=1}, ...}` as a parameter schema, sorted by name.
  private static func parameters(_ value: LuaValue?, _ environment: ScriptEnvironment) throws -> [ParameterSpec] {
    guard let value else { return [] }
    guard case .table(let table) = value else {
      throw PareError(.argument, "define: parameters", argument: "parameters", expected: "a table by name", got: value.typeName)
    }
    if let first = try table.list.first {
      throw PareError(
        .argument, "define: parameters have names", argument: "parameters", expected: "p={type=\"number\", default=2}",
        got: "a \(first.typeName) without a name")
    }
    let keys = ["type", "default", "min", "max", "choices", "doc", "kind", "optional"]
    return try table.fields.map { name, value in
      guard case .table(let declared) = value else {
        throw PareError(
          .argument, "define: parameter '\(name)'", argument: name, expected: "a table such as {type=\"number\", default=2}",
          got: value.typeName)
      }
      let fields = try Conversion.named(declared, of: "parameter '\(name)'", environment)
      for key in fields.keys.sorted() where !keys.contains(key) {
        throw PareError(
          .argument, "define: parameter '\(name)' has no property '\(key)'", argument: key,
          suggestion: Suggestion.didYouMean(key, among: keys) ?? "it has \(keys.joined(separator: ", "))")
      }
      let types = ParameterType.allCases.map(\.rawValue)
      guard let word = fields["type"]?.asString, let type = ParameterType(rawValue: word) else {
        let got = fields["type"]?.brief ?? "nothing"
        throw PareError(
          .argument, "define: type of parameter '\(name)'", argument: name, expected: types.joined(separator: ", "), got: got,
          suggestion: Suggestion.didYouMean(fields["type"]?.asString ?? "", among: types))
      }
      var choices: [String] = []
      for choice in fields["choices"]?.asList ?? [] { if let text = choice.asString { choices.append(text) } }
      let minimum = fields["min"]?.asNumber, maximum = fields["max"]?.asNumber
      let isOptional = if case .boolean(true)? = fields["optional"] { true } else { false }
      return ParameterSpec(
        name: name, type: type, default: fields["default"],
        range: minimum == nil && maximum == nil ? nil : ParameterRange(minimum: minimum, maximum: maximum), choices: choices,
        doc: fields["doc"]?.asString ?? "", kind: fields["kind"]?.asString.flatMap(ExtensionKind.init(rawValue:)),
        isOptional: isOptional)
    }
  }
}

extension ScriptEnvironment {
  /// Adds a scripted entry; a method also gets its global.
  func define(_ registration: Registration) throws {
    try Registry.shared.register(registration)
    definedEntries.insert("\(registration.kind).\(registration.name)")
    if registration.kind == .method { try publishMethods() }
  }

  /// `file:line` of the call.
  func place(of call: Call) -> String { state.place ?? "prompt" }

  /// Removes what this environment's scripts defined: their functions end with the interpreter.
  func removeDefinitions() {
    for entry in definedEntries {
      let parts = entry.split(separator: ".", maxSplits: 1)
      guard parts.count == 2, let kind = ExtensionKind(rawValue: String(parts[0])) else { continue }
      Registry.shared.remove(kind, String(parts[1]))
    }
  }
}
