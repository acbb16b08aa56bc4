import Compression
import LuaBridge
import Support

/// `registry.list`, `plugin.*`, constructors of methods, and the files that scripts may touch.
enum RegistryFunctions {
  static var registry: [Function] {
    [
      Function(
        "registry.list", [.choice("kind", among: ExtensionKind.allCases.map(\.rawValue), optional: true)],
        "The entries of a kind, or of all kinds", example: "for _, e in ipairs(registry.list(\"criterion\")) do print(e.name, e.summary) end"
      ) { call in
        let kind = try call.optionalString(1).map(kind)
        return try call.push(
          .table(Conversion.list(Registry.shared.list(kind), call.state) { try row($0, call.environment) }))
      }
    ]
  }

  private static func kind(_ name: String) throws -> ExtensionKind {
    if let kind = ExtensionKind(rawValue: name) { return kind }
    let all = ExtensionKind.allCases.map(\.rawValue)
    throw PareError(
      .notFound, "registry.list: no extensions of kind '\(name)'", argument: "kind", expected: all.joined(separator: ", "),
      suggestion: Suggestion.didYouMean(name, among: all))
  }

  private static func row(_ registration: Registration, _ environment: ScriptEnvironment) throws -> LuaValue {
    let state = environment.state
    let parameters = try Conversion.list(registration.entry.parameters, state) { spec in
      try Conversion.record(
        state,
        [
          "name": .string(spec.name), "type": .string(spec.type.rawValue),
          "default": spec.default.map { try Conversion.lua($0, environment) }, "min": spec.range?.minimum.map(LuaValue.number),
          "max": spec.range?.maximum.map(LuaValue.number), "doc": .string(spec.doc),
          "kind": spec.kind.map { .string($0.rawValue) },
          "choices": spec.choices.isEmpty ? nil : try Conversion.strings(spec.choices, state),
          "optional": spec.isOptional ? .boolean(true) : nil,
        ])
    }
    return try Conversion.record(
      state,
      [
        "kind": .string(registration.kind.rawValue), "name": .string(registration.name),
        "family": .string(registration.family ?? ""), "summary": .string(registration.entry.summary),
        "reference": .string(registration.entry.reference), "parameters": .table(parameters),
        "origin": .string("\(registration.origin)"),
      ])
  }

  static var plugins: [Function] {
    [
      Function(
        "plugin.load", [.string("path", doc: "A .swift file, a folder, a .so or a .lua file")],
        "Loads a plugin; loading it again replaces its entries", example: "plugin.load(\"my_criterion.swift\")"
      ) { call in
        let entries = try call.environment.loadPlugin(call.string(1))
        return try call.push(Conversion.strings(entries, call.state))
      },
      Function("plugin.list", "The plugins that are loaded, with their entries", example: "plugin.list()[1].entries") { call in
        let state = call.state
        let table = try Conversion.list(call.environment.plugins(), state) { plugin in
          try Conversion.record(state, ["path": .string(plugin.path), "entries": Conversion.strings(plugin.entries, state)])
        }
        return try call.push(.table(table))
      },
    ]
  }
}

extension ScriptEnvironment {
  // MARK: Plugins

  /// Loads a plugin file and makes its methods' constructors; returns `kind.name` of its entries.
  func loadPlugin(_ path: String) throws -> [String] {
    if path.hasSuffix(".lua") {
      let path = try readable(path)
      let text = try ScriptFile.read(path)
      // What this file defines, also where it defines it again.
      let before = definedEntries, registered = Registry.shared.list(), constructors = methodGlobals
      definedEntries = []
      defer { definedEntries.formUnion(before) }
      do { try state.call(state.load(text, name: "@" + path)) } catch {
        // All of a file or nothing: what it had defined goes, what that replaced comes back.
        removeDefinitions()
        try Registry.shared.register(registered.filter { definedEntries.contains("\($0.kind).\($0.name)") })
        for name in methodGlobals.subtracting(constructors) { try globals.remove(name) }
        methodGlobals = constructors
        definedEntries = []
        throw error
      }
      let entries = definedEntries.sorted()
      luaPlugins.removeAll { $0.path == path }
      luaPlugins.append((path, entries))
      return entries
    }
    guard !options.sandbox else {
      throw PareError(.plugin, "the sandbox loads no native plugins", argument: "path", got: "'\(path)'", file: path)
    }
    let loaded = try PluginLoader.load(path)
    try publishMethods()
    return loaded.entries
  }

  func plugins() -> [(path: String, entries: [String])] {
    PluginLoader.list.map { ($0.path, $0.entries) } + luaPlugins
  }

  /// Plugins of the command line, then those found at the start: one that fails there costs a warning line.
  func loadPlugins() throws {
    for path in options.plugins { _ = try loadPlugin(path) }
    guard options.searchesPlugins else { return }
    for path in PluginLoader.startFiles() where !options.sandbox || path.hasSuffix(".lua") {
      do { _ = try loadPlugin(path) } catch { Console.warn("plugin '\(path)' was not loaded: \(error)") }
    }
  }

  /// Makes a global for each method that has none yet.
  func publishMethods() throws {
    for registration in Registry.shared.list(.method) where !methodGlobals.contains(registration.name) {
      let name = registration.name
      guard try !globals.contains(name) else {
        Console.warn("the method '\(name)' is method.\(name): a global of that name exists already")
        methodGlobals.insert(name)
        continue
      }
      methodGlobals.insert(name)
      try globals.add(name, .function(state.function(CompressionTypes.constructor(of: registration, self))))
    }
  }

  /// The table `method`: looks names up when they are read, so that late plugins are there.
  func methodTable() throws -> LuaTable {
    let table = state.table()
    let metatable = state.table()
    try metatable.set("__index") { [unowned self] call in
      guard let name = call.string(2) else { try call.push(.null); return 1 }
      let registration = try Registry.shared.find(.method, name)
      try call.push(.function(call.state.function(CompressionTypes.constructor(of: registration, self))))
      return 1
    }
    try table.setMetatable(metatable)
    return table
  }
}
