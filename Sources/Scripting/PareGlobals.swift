import LuaBridge
import Support

/// Pare's globals. They stand in the table `pare` and are found from there, so that scripts may assign globals of the
/// same name (with one warning) and the originals stay.
final class PareGlobals {
  let table: LuaTable
  private let state: LuaState
  private var warned: Set<String> = []
  /// Globals that functions made.
  private var accidents: Set<String> = []

  init(_ state: LuaState) {
    self.state = state
    table = state.table()
  }

  /// Makes the table visible: `pare`, and every name in it as a global.
  func publish() throws {
    let globals = state.globals
    try globals.set("pare", .table(table))
    let metatable = state.table()
    try metatable.set("__index", .table(table))
    try metatable.set("__newindex") { [unowned self] call in
      guard let globals = call.table(1) else { return 0 }
      guard let name = call.string(2) else {
        throw PareError(.argument, "globals have string names", got: call.brief(2))
      }
      if case .null = try table[key: name] {} else if warned.insert(name).inserted {
        Console.warn("the global '\(name)' of Pare is replaced; the original stays in pare.\(name)")
      }
      if state.callerIsFunction, accidents.insert(name).inserted {
        Console.warn("\(state.place ?? "a function") sets the global '\(name)'; write `local \(name)` if that was not meant")
      }
      try globals.set(name, call.value(3))
      return 0
    }
    try globals.setMetatable(metatable)
  }

  /// Adds a name, as `define.method` does for its constructor.
  func add(_ name: String, _ value: LuaValue) throws { try table.set(name, value) }

  /// Takes a name back.
  func remove(_ name: String) throws { try table.set(name, .null) }

  /// The names, sorted.
  func names() throws -> [String] { try table.fields.map(\.key) }

  /// Whether a global of that name exists, Pare's or a script's.
  func contains(_ name: String) throws -> Bool {
    if case .null = try table[key: name] {} else { return true }
    if case .null = try state.globals[key: name] { return false }
    return true
  }
}
