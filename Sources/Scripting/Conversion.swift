import Compression
import Graph
import LuaBridge
import OrderedCollections
import Support
import Tensor

/// Values of Lua as values of the registry, and back.
enum Conversion {
  private static let deepest = 32

  // MARK: From Lua

  static func value(_ value: LuaValue, _ environment: ScriptEnvironment, depth: Int = 0) throws -> Value {
    switch value {
    case .null: return .null
    case .boolean(let value): return .boolean(value)
    case .integer(let value): return .integer(value)
    case .number(let value): return .number(value)
    case .string(let value): return .string(value)
    case .function(let function): return .function(try environment.functionValue(function))
    case .table(let table): return try self.table(table, environment, depth: depth + 1)
    case .object(let object):
      if let handle = try object.object(as: TensorHandle.self) { return .tensor(handle.value) }
      if let handle = try object.object(as: ModelHandle.self) { return .model(handle.model) }
      throw PareError(.argument, "this kind of value cannot be a parameter", got: try object.typeName().withArticle)
    case .other: throw PareError(.argument, "this kind of value cannot be a parameter", got: value.typeName.withArticle)
    }
  }

  /// A list where the table has positions only, else items and named fields.
  static func table(_ table: LuaTable, _ environment: ScriptEnvironment, depth: Int = 1) throws -> Value {
    guard depth <= deepest else {
      throw PareError(.argument, "tables are nested more than \(deepest) deep", suggestion: "is one of them inside itself?")
    }
    let count = try table.count
    var fields: [String: Value] = [:]
    var items = [Value](repeating: .null, count: 0)
    items.reserveCapacity(min(count, 1 << 16))
    for index in 0..<count { items.append(try value(table[index: index + 1], environment, depth: depth)) }
    for pair in try table.pairs() {
      switch pair.key {
      case .string(let name): fields[name] = try value(pair.value, environment, depth: depth)
      case .integer(let index) where (1...max(1, count)).contains(index) && count > 0: continue
      default:
        throw PareError(
          .argument, "a table of parameters has positions 1, 2, ... and names", got: "a key of type \(pair.key.typeName)")
      }
    }
    return fields.isEmpty ? .list(items) : .table(ValueTable(items: items, fields: fields))
  }

  /// The named values of an options table. A position in it is an error.
  static func named(_ table: LuaTable, of name: String, _ environment: ScriptEnvironment, without: Set<String> = [])
    throws -> [String: Value]
  {
    var result: [String: Value] = [:]
    for pair in try table.pairs() {
      guard case .string(let key) = pair.key else {
        let position = if case .integer(let index) = pair.key { "\(index)" } else { pair.key.typeName }
        throw PareError(
          .argument, "\(name): options have names", got: "a value at position \(position)",
          suggestion: "write name=value")
      }
      if without.contains(key) { continue }
      do {
        result[key] = try value(pair.value, environment)
      } catch var error as PareError {
        error.message = "parameter '\(key)' of \(name): " + error.message
        error.argument = error.argument ?? key
        throw error
      }
    }
    return result
  }

  // MARK: To Lua

  static func lua(_ value: Value, _ environment: ScriptEnvironment) throws -> LuaValue {
    let state = environment.state
    switch value {
    case .null: return .null
    case .number(let value): return .number(value)
    case .integer(let value): return .integer(value)
    case .boolean(let value): return .boolean(value)
    case .string(let text): return .string(text)
    case .tensor(let tensor): return try state.value(object: TensorHandle(tensor), bytes: tensor.byteCount)
    case .model(let model): return try state.value(object: ModelHandle(model), bytes: model.heldBytes)
    case .list(let items):
      let table = state.table()
      for (index, item) in items.enumerated() { try table.set(index + 1, lua(item, environment)) }
      return .table(table)
    case .table(let source):
      let table = state.table()
      for (index, item) in source.items.enumerated() { try table.set(index + 1, lua(item, environment)) }
      for (key, item) in source.fields { try table.set(key, lua(item, environment)) }
      return .table(table)
    case .function(let function):
      return .function(state.function { [unowned environment] call in
        let arguments = try (1..<(call.count + 1)).map { try Conversion.value(call.value($0), environment) }
        let results = try function.call(arguments)
        for result in results { try call.push(lua(result, environment)) }
        return results.count
      })
    case .entry(let entry): return try lua(entry, environment)
    case .mix(let entries):
      let table = state.table()
      for (index, entry) in entries.enumerated() { try table.set(index + 1, lua(entry, environment)) }
      return .table(table)
    }
  }

  /// `{"name", parameter=value}`, or the bare name where no parameter was given.
  private static func lua(_ entry: EntryValue, _ environment: ScriptEnvironment) throws -> LuaValue {
    guard !entry.arguments.given.isEmpty || entry.weight != 1 else { return .string(entry.name) }
    let table = environment.state.table()
    try table.set(1, .string(entry.name))
    for (key, value) in entry.arguments.values where entry.arguments.isGiven(key) {
      try table.set(key, lua(value, environment))
    }
    if entry.weight != 1 { try table.set("weight", .number(entry.weight)) }
    return .table(table)
  }

  /// All values of checked arguments, defaults included: `p` of scripted extensions.
  static func lua(_ arguments: Arguments, _ environment: ScriptEnvironment) throws -> LuaTable {
    let table = environment.state.table()
    for (key, value) in arguments.values { try table.set(key, lua(value, environment)) }
    return table
  }

  static func lua(_ value: LedgerValue, _ state: LuaState) throws -> LuaValue {
    switch value {
    case .null: return .null
    case .boolean(let value): return .boolean(value)
    case .integer(let value): return .integer(value)
    case .number(let value): return .number(value)
    case .string(let value): return .string(value)
    case .list(let items): return .table(try list(items, state) { try lua($0, state) })
    case .table(let fields):
      let table = state.table()
      for (key, value) in fields { try table.set(key, lua(value, state)) }
      return .table(table)
    }
  }

  static func list<T>(_ items: some Sequence<T>, _ state: LuaState, _ convert: (T) throws -> LuaValue) throws -> LuaTable {
    let table = state.table()
    for (index, item) in items.enumerated() { try table.set(index + 1, convert(item)) }
    return table
  }

  static func strings(_ items: some Sequence<String>, _ state: LuaState) throws -> LuaValue {
    .table(try list(items, state) { .string($0) })
  }

  static func record(_ state: LuaState, _ fields: KeyValuePairs<String, LuaValue?>) throws -> LuaValue {
    let table = state.table()
    for (key, value) in fields { if let value { try table.set(key, value) } }
    return .table(table)
  }
}

extension ScriptEnvironment {
  /// A script's function as a value of the registry: recorded by its source.
  func functionValue(_ function: LuaFunction) throws -> FunctionValue {
    let owner = Definition.Owner(environment: self)
    return FunctionValue(source: try source(of: function)) { arguments in
      let environment = try owner.get()
      let lua = try arguments.map { try Conversion.lua($0, environment) }
      return try environment.state.call(function, lua).map { try Conversion.value($0, environment) }
    }
  }

  /// The text of a function: the lines on which it stands.
  func source(of function: LuaFunction) throws -> String {
    guard let place = try function.place() else { return "a built-in function" }
    let text: String
    if let known = chunks[place.source] {
      text = known
    } else if place.source.hasPrefix("@") {
      text = (try? ScriptFile.read(String(place.source.dropFirst()))) ?? ""
    } else {
      text = place.source
    }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let wanted = (place.lines.lowerBound - 1)..<min(place.lines.upperBound, lines.count)
    guard !wanted.isEmpty, wanted.lowerBound >= 0 else { return place.source + ":\(place.lines.lowerBound)" }
    return lines[wanted].joined(separator: "\n")
  }
}
