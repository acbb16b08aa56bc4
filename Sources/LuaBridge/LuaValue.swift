import CLua
import CLuaSupport
import Glibc
import Support
import Synchronization

/// A Lua value as Swift holds it. Tables, functions and userdata are references to the one object in Lua.
package enum LuaValue: Sendable {
  case null
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case table(LuaTable)
  case function(LuaFunction)
  case object(LuaObject)
  /// A coroutine or a light userdata.
  case other(LuaReference)

  /// The name of the type, as Lua's `type` gives it.
  package var typeName: String {
    switch self {
    case .null: "nil"
    case .boolean: "boolean"
    case .integer, .number: "number"
    case .string: "string"
    case .table: "table"
    case .function: "function"
    case .object(let object): (try? object.typeName()) ?? "userdata"
    case .other: "thread"
    }
  }
}

/// The registry slots that references of one state have given up, possibly from other threads.
final class ReferenceSlots: Sendable {
  private struct State {
    var pending: [Int32] = []
    var isOpen = true
  }
  private let state = Mutex(State())
  let thread = pthread_self()

  var isOpen: Bool { state.withLock { $0.isOpen } }
  func close() { state.withLock { $0 = State(pending: [], isOpen: false) } }
  func giveUp(_ slot: Int32) { state.withLock { if $0.isOpen { $0.pending.append(slot) } } }

  /// Frees the slots; only on the thread of the state.
  func releasePending(_ stack: OpaquePointer) {
    let pending = state.withLock { state in
      defer { state.pending.removeAll(keepingCapacity: true) }
      return state.pending
    }
    for slot in pending { luaL_unref(stack, pare_registry, slot) }
  }
}

/// A strong reference to one Lua object, given up when the last copy goes.
///
/// Sendable, since the object is only reached through its state, on that state's thread (checked), and giving up
/// goes through a lock.
package final class LuaReference: @unchecked Sendable {
  private weak var owner: LuaState?
  let slot: Int32
  private let slots: ReferenceSlots

  init(state: LuaState, slot: Int32) {
    owner = state
    self.slot = slot
    slots = state.slots
  }

  deinit { slots.giveUp(slot) }

  /// The interpreter of the object.
  ///
  /// - Throws: `internal` if it is closed, or if this is another thread.
  package func state() throws -> LuaState {
    guard slots.isOpen, let owner else { throw PareError(.internal, "the Lua interpreter of this value is closed") }
    guard pthread_equal(pthread_self(), slots.thread) != 0 else {
      throw PareError(.internal, "a Lua value was used from another thread than its interpreter's")
    }
    return owner
  }
}

/// A reference to a Lua function.
package struct LuaFunction: Sendable {
  let reference: LuaReference

  /// Calls the function in protected mode.
  ///
  /// - Throws: `LuaError` with the value that was raised.
  @discardableResult
  package func callAsFunction(_ arguments: LuaValue...) throws -> [LuaValue] {
    try reference.state().call(self, arguments)
  }

  /// The function's address: equal for the same function.
  package var identity: UInt {
    get throws {
      let state = try reference.state()
      try state.push(reference)
      defer { pare_pop(state.stack, 1) }
      return UInt(bitPattern: lua_topointer(state.stack, -1))
    }
  }

  /// The interpreter of the function.
  package func state() throws -> LuaState { try reference.state() }

  /// Where the function stands: the chunk's source (a `@file` or the text itself) and its lines; nil for C functions.
  package func place() throws -> (source: String, lines: ClosedRange<Int>)? {
    let state = try reference.state()
    try state.push(reference)
    defer { pare_pop(state.stack, 1) }
    var source: UnsafePointer<CChar>?
    var first: Int32 = 0
    var last: Int32 = 0
    guard pare_function_lines(state.stack, -1, &source, &first, &last), let source else { return nil }
    return (String(cString: source), Int(first)...max(Int(first), Int(last)))
  }
}

/// A reference to a userdata.
package struct LuaObject: Sendable {
  let reference: LuaReference

  /// The Swift object behind the userdata if it is of that type.
  package func object<T: AnyObject>(as type: T.Type) throws -> T? {
    let state = try reference.state()
    try state.push(reference)
    defer { pare_pop(state.stack, 1) }
    return state.object(at: -1, as: type)
  }

  /// The metatable of the userdata: completion reads `__methods` and `__properties` there.
  package func metatable() throws -> LuaTable? {
    let state = try reference.state()
    try state.push(reference)
    defer { pare_pop(state.stack, 1) }
    guard lua_getmetatable(state.stack, -1) != 0 else { return nil }
    return LuaTable(reference: state.takeReference())
  }

  /// The name of the userdata's type.
  package func typeName() throws -> String {
    let state = try reference.state()
    try state.push(reference)
    defer { pare_pop(state.stack, 1) }
    return state.typeName(at: -1)
  }
}

/// A reference to a Lua table. All access is raw: no metamethod runs.
package struct LuaTable: Sendable {
  package let reference: LuaReference

  /// The value at a string key.
  package subscript(key key: String) -> LuaValue {
    get throws {
      let state = try reference.state()
      try state.push(reference)
      state.push(string: key)
      lua_rawget(state.stack, -2)
      defer { pare_pop(state.stack, 2) }
      return state.value(at: -1)
    }
  }

  /// The value at position `index`, from 1.
  package subscript(index index: Int) -> LuaValue {
    get throws {
      let state = try reference.state()
      try state.push(reference)
      lua_rawgeti(state.stack, -1, lua_Integer(index))
      defer { pare_pop(state.stack, 2) }
      return state.value(at: -1)
    }
  }

  /// Stores a value at a string key.
  package func set(_ key: String, _ value: LuaValue) throws {
    let state = try reference.state()
    try state.push(reference)
    state.push(string: key)
    try state.push(value)
    lua_rawset(state.stack, -3)
    pare_pop(state.stack, 1)
  }

  /// Stores a value at position `index`, from 1.
  package func set(_ index: Int, _ value: LuaValue) throws {
    let state = try reference.state()
    try state.push(reference)
    try state.push(value)
    lua_rawseti(state.stack, -2, lua_Integer(index))
    pare_pop(state.stack, 1)
  }

  /// Stores a function at a string key.
  package func set(_ key: String, _ body: @escaping LuaBody) throws {
    let state = try reference.state()
    try state.push(reference)
    state.push(string: key)
    state.pushFunction(body)
    lua_rawset(state.stack, -3)
    pare_pop(state.stack, 1)
  }

  /// The border: how many values stand from position 1 on.
  package var count: Int {
    get throws {
      let state = try reference.state()
      try state.push(reference)
      defer { pare_pop(state.stack, 1) }
      return Int(lua_rawlen(state.stack, -1))
    }
  }

  /// The values from position 1 to the border.
  package var list: [LuaValue] {
    get throws { try (0..<count).map { try self[index: $0 + 1] } }
  }

  /// All pairs with string keys, sorted by key, so that nothing depends on Lua's seeded order.
  package var fields: [(key: String, value: LuaValue)] {
    get throws {
      try pairs().compactMap { pair in
        if case .string(let key) = pair.key { (key, pair.value) } else { nil }
      }.sorted { $0.key < $1.key }
    }
  }

  /// All pairs, in Lua's order.
  package func pairs() throws -> [(key: LuaValue, value: LuaValue)] {
    let state = try reference.state()
    try state.ensureStack(8)
    try state.push(reference)
    defer { pare_pop(state.stack, 1) }
    var result: [(LuaValue, LuaValue)] = []
    lua_pushnil(state.stack)
    while lua_next(state.stack, -2) != 0 {
      result.append((state.value(at: -2), state.value(at: -1)))
      pare_pop(state.stack, 1)
    }
    return result
  }

  /// The address that `print` shows; equal for the same table.
  package var identity: UInt {
    get throws {
      let state = try reference.state()
      try state.push(reference)
      defer { pare_pop(state.stack, 1) }
      return UInt(bitPattern: lua_topointer(state.stack, -1))
    }
  }

  /// Gives the table the metatable `metatable`.
  package func setMetatable(_ metatable: LuaTable) throws {
    let state = try reference.state()
    try state.push(reference)
    try state.push(metatable.reference)
    lua_setmetatable(state.stack, -2)
    pare_pop(state.stack, 1)
  }

  /// The metatable, if there is one.
  package var metatable: LuaTable? {
    get throws {
      let state = try reference.state()
      try state.push(reference)
      defer { pare_pop(state.stack, 1) }
      guard lua_getmetatable(state.stack, -1) != 0 else { return nil }
      return LuaTable(reference: state.takeReference())
    }
  }
}

extension LuaState {
  /// Pops the value on top into a reference.
  func takeReference() -> LuaReference { LuaReference(state: self, slot: luaL_ref(stack, pare_registry)) }

  func push(_ reference: LuaReference) throws {
    guard try reference.state() === self else {
      throw PareError(.internal, "a Lua value was used in another interpreter than its own")
    }
    guard lua_checkstack(stack, 4) != 0 else { throw PareError(.limit, "Lua's stack is full") }
    lua_rawgeti(stack, pare_registry, lua_Integer(reference.slot))
  }

  func push(string: String) {
    var string = string
    _ = string.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { lua_pushlstring(stack, $0.baseAddress ?? emptyText, $0.count) }
    }
  }

  package func push(_ value: LuaValue) throws {
    switch value {
    case .null: lua_pushnil(stack)
    case .boolean(let value): lua_pushboolean(stack, value ? 1 : 0)
    case .integer(let value): lua_pushinteger(stack, lua_Integer(value))
    case .number(let value): lua_pushnumber(stack, value)
    case .string(let value): push(string: value)
    case .table(let table): try push(table.reference)
    case .function(let function): try push(function.reference)
    case .object(let object): try push(object.reference)
    case .other(let reference): try push(reference)
    }
  }

  package func value(at index: Int32) -> LuaValue {
    switch lua_type(stack, index) {
    case LUA_TBOOLEAN: return .boolean(lua_toboolean(stack, index) != 0)
    case LUA_TNUMBER:
      return lua_isinteger(stack, index) != 0
        ? .integer(Int(lua_tointegerx(stack, index, nil))) : .number(lua_tonumberx(stack, index, nil))
    case LUA_TSTRING: return .string(text(at: index) ?? "")
    case LUA_TTABLE: return .table(LuaTable(reference: reference(at: index)))
    case LUA_TFUNCTION: return .function(LuaFunction(reference: reference(at: index)))
    case LUA_TUSERDATA: return .object(LuaObject(reference: reference(at: index)))
    case LUA_TTHREAD, LUA_TLIGHTUSERDATA: return .other(reference(at: index))
    default: return .null
    }
  }

  private func reference(at index: Int32) -> LuaReference {
    lua_pushvalue(stack, index)
    return takeReference()
  }

  /// The text of a string or number; a number is not converted in place.
  func text(at index: Int32) -> String? {
    guard lua_isstring(stack, index) != 0 else { return nil }
    // `lua_tolstring` turns a number on the stack into a string, which confuses `lua_next`: convert a copy.
    lua_pushvalue(stack, index)
    defer { pare_pop(stack, 1) }
    var length = 0
    guard let bytes = lua_tolstring(stack, -1, &length) else { return nil }
    return String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
  }
}

nonisolated(unsafe) private let emptyText: UnsafePointer<CChar> = UnsafePointer(strdup(""))
