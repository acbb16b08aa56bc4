import CLua
import CLuaSupport
import Support

/// Ceilings on what a script may use; 0 is none.
package struct LuaLimits: Sendable {
  /// Bytes of Lua's own blocks and of what `LuaState.outsideBytes` reports, together.
  package var memory = 0
  /// Executed Lua instructions, checked every thousand.
  package var instructions: UInt64 = 0

  package init(memory: Int = 0, instructions: UInt64 = 0) {
    self.memory = max(0, memory)
    self.instructions = instructions
  }
}

/// One Lua 5.4 interpreter with its standard libraries.
///
/// Bytecode is never loaded and `math.random` starts from a fixed seed. A state belongs to the thread that made it.
/// Every function that can raise a Lua error runs in protected mode and throws `LuaError` or `PareError` instead.
package final class LuaState {
  /// Bytes held outside Lua that count towards the memory ceiling; asked in states with a ceiling only.
  nonisolated(unsafe) package static var outsideBytes: @Sendable () -> Int = { 0 }

  let record: UnsafeMutablePointer<pare_state>
  let main: OpaquePointer
  /// The coroutine that Swift code works on: the caller's while one of our functions runs.
  package internal(set) var stack: OpaquePointer
  var types: [ObjectIdentifier: RegisteredType] = [:]
  /// The type that was asked for last.
  var recent: (key: ObjectIdentifier, type: RegisteredType.Handle)?
  let slots = ReferenceSlots()
  private let limits: LuaLimits
  private var isClosed = false

  /// - Throws: `memory` if there is none for an interpreter.
  package init(limits: LuaLimits = LuaLimits(), sandbox: Bool = false) throws {
    installHost
    self.limits = limits
    record = .allocate(capacity: 1)
    record.initialize(to: pare_state())
    guard let made = pare_new_state(record) else {
      record.deallocate()
      throw PareError(.memory, "no memory for a Lua interpreter")
    }
    main = made
    stack = made
    record.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
    // Nothing of a script runs yet: what is built before it does not count and cannot fail.
    record.pointee.shielded = true
    record.pointee.ceiling = limits.memory
    guard pare_open_libraries(made, sandbox) else {
      throw PareError(.internal, "Lua's libraries do not open: \(text(at: -1) ?? "?")")
    }
    record.pointee.instruction_limit = limits.instructions
    pare_arm(made)
  }

  /// Frees everything of the interpreter. References that outlive it answer with an error.
  package func close() {
    guard !isClosed else { return }
    isClosed = true
    slots.close()
    lua_close(main)
    record.deinitialize(count: 1)
    record.deallocate()
  }

  deinit { close() }

  // MARK: Chunks

  /// Compiles Lua text.
  ///
  /// - Parameter name: as in Lua: `@file` for a file, `=text` to be shown as it is.
  /// - Throws: `LuaError` with Lua's own message on a syntax error.
  package func load(_ text: String, name: String) throws -> LuaFunction {
    var text = text
    slots.releasePending(main)
    let status = text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { pare_load(stack, $0.baseAddress, $0.count, name) }
    }
    guard status == LUA_OK else { throw takeError() }
    return LuaFunction(reference: takeReference())
  }

  /// Whether `text` is the beginning of a chunk that goes on in the next line.
  package func isIncomplete(_ text: String) -> Bool {
    do {
      _ = try load(text, name: "=stdin")
      return false
    } catch { return "\(error)".hasSuffix("<eof>") }
  }

  /// The table of globals.
  package var globals: LuaTable {
    lua_rawgeti(stack, pare_registry, lua_Integer(LUA_RIDX_GLOBALS))
    return LuaTable(reference: takeReference())
  }

  /// Returns a new table.
  package func table() -> LuaTable {
    lua_createtable(stack, 0, 0)
    return LuaTable(reference: takeReference())
  }

  /// Returns a Lua function that runs `body`.
  package func function(_ body: @escaping LuaBody) -> LuaFunction {
    pushFunction(body)
    return LuaFunction(reference: takeReference())
  }

  func pushFunction(_ body: @escaping LuaBody) {
    pare_push_function(stack, Unmanaged.passRetained(NativeFunction(body)).toOpaque())
  }

  // MARK: Limits, interrupts, memory

  /// What a signal handler needs to stop this state; see `interrupt(_:)`.
  package var interruptHandle: OpaquePointer { OpaquePointer(record) }

  /// Makes running Lua code raise `interrupted` at its next instruction. Safe in a signal handler.
  package static func interrupt(_ handle: OpaquePointer) { pare_interrupt(UnsafeMutablePointer(handle)) }

  /// Forgets all interrupts, once the prompt is back.
  package func forgetInterrupts() {
    pare_interrupt_obeyed(record, true)
    Interrupt.clear()
  }

  /// Collects all garbage now.
  package func collectGarbage() {
    slots.releasePending(main)
    pare_collect(stack)
  }

  /// Bytes of Lua's own blocks, and bytes that live handles are charged with.
  package var memory: (lua: Int, handles: Int) { (record.pointee.used, record.pointee.charged) }

  /// Instructions executed, where they are counted.
  package var instructions: UInt64 { record.pointee.instructions }

  /// `file:line` of the script code that runs, nil outside of any.
  package var place: String? {
    var source: UnsafePointer<CChar>?
    let line = pare_where(stack, &source)
    guard line > 0, let source else { return nil }
    let name = String(cString: source)
    return name.hasPrefix("@") || name.hasPrefix("=") ? "\(name.dropFirst()):\(line)" : "chunk:\(line)"
  }

  /// Whether the script code that called the running Swift function stands inside a Lua function.
  package var callerIsFunction: Bool { pare_caller_is_function(stack) }

  // MARK: Calls

  /// Calls `function` in protected mode.
  ///
  /// - Throws: `LuaError` with the value that was raised and the traceback.
  @discardableResult
  package func call(_ function: LuaFunction, _ arguments: [LuaValue] = []) throws -> [LuaValue] {
    slots.releasePending(main)
    try ensureStack(arguments.count + 4)
    let base = lua_gettop(stack)
    try push(function.reference)
    for argument in arguments { try push(argument) }
    guard pare_call(stack, Int32(arguments.count), LUA_MULTRET) == LUA_OK else { throw takeError() }
    defer { lua_settop(stack, base) }
    return (base..<lua_gettop(stack)).map { value(at: $0 + 1) }
  }

  /// The text that Lua's `tostring` gives.
  package func describe(_ value: LuaValue) throws -> String {
    try ensureStack(4)
    try push(value)
    let status = pare_tostring(stack, -1)
    guard status == LUA_OK else {
      defer { pare_pop(stack, 1) }
      throw takeError()
    }
    defer { pare_pop(stack, 2) }
    return text(at: -1) ?? ""
  }

  func ensureStack(_ count: Int) throws {
    guard count < 1 << 20, lua_checkstack(stack, Int32(count)) != 0 else {
      throw PareError(.limit, "too many values for Lua's stack", got: "\(count)")
    }
  }

  /// Pops the error value into a Swift error.
  func takeError() -> LuaError {
    // What went over the ceiling may still be there, and the error must be told all the same.
    let ceiling = record.pointee.ceiling
    record.pointee.ceiling = 0
    defer { record.pointee.ceiling = ceiling }
    // First of all: the calls below are protected ones themselves, and each starts a traceback of its own.
    pare_push_traceback(stack)
    let traceback = text(at: -1) ?? ""
    pare_pop(stack, 1)
    var words = pare_tostring(stack, -1) == LUA_OK ? text(at: -1) ?? "" : nil
    pare_pop(stack, 1)
    // Ctrl-C may come while the words are looked for: the fields are still there.
    if words == nil, pare_is_error(stack, -1) { words = "\(errorFields(at: -1))" }
    var message = words ?? "an error that cannot be shown"
    // A table without words of its own says nothing but its address.
    if lua_type(stack, -1) == LUA_TTABLE, !pare_is_error(stack, -1) {
      if luaL_getmetafield(stack, -1, "__tostring") == LUA_TNIL { message = "(error object: \(message))" } else { pare_pop(stack, 1) }
    }
    let isText = lua_type(stack, -1) == LUA_TSTRING
    let fields = pare_is_error(stack, -1) ? errorFields(at: -1) : nil
    let reference = takeReference()
    return LuaError(
      reference: reference, message: message, traceback: traceback, pareError: fields, isText: isText)
  }
}

/// The Swift body of a Lua function: reads its arguments, pushes results, returns how many.
package typealias LuaBody = (LuaCall) throws -> Int

final class NativeFunction {
  let body: LuaBody
  init(_ body: @escaping LuaBody) { self.body = body }
}

extension LuaState {
  /// The state of a running coroutine. Valid as long as Lua runs, since the owner outlives its interpreter.
  static func of(_ stack: OpaquePointer) -> LuaState {
    Unmanaged<LuaState>.fromOpaque(pare_state_of(stack).pointee.owner).takeUnretainedValue()
  }
}

/// The callbacks of the C side, installed once.
private let installHost: Void = {
  var host = pare_host()
  host.call = { stack, object in
    guard let stack, let object else { return -1 }
    let state = LuaState.of(stack)
    let outer = state.stack
    state.stack = stack
    defer { state.stack = outer }
    let function = Unmanaged<NativeFunction>.fromOpaque(object).takeUnretainedValue()
    do {
      return Int32(try function.body(LuaCall(state: state, stack: stack)))
    } catch {
      state.pushError(error)
      return -1
    }
  }
  host.release = { object in
    if let object { Unmanaged<AnyObject>.fromOpaque(object).release() }
  }
  host.push_error = { stack, reason in
    guard let stack else { return }
    let state = LuaState.of(stack)
    let outer = state.stack
    state.stack = stack
    defer { state.stack = outer }
    state.pushError(state.error(for: reason))
  }
  host.outside = { LuaState.outsideBytes() }
  pare_set_host(host)
}()

extension LuaState {
  func error(for reason: pare_reason) -> PareError {
    switch reason {
    case pare_reason_interrupt:
      Interrupt.clear()
      return PareError(.interrupted, "interrupted")
    case pare_reason_instructions:
      return PareError(.limit, "more than \(record.pointee.instruction_limit) Lua instructions")
    default:
      return PareError(.limit, "more than \(record.pointee.ceiling) bytes of memory")
    }
  }
}
