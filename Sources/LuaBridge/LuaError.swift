import CLua
import CLuaSupport
import Support

/// What Lua code raised, on its way through Swift. Raised again in Lua, it is the original value.
package struct LuaError: Error, Sendable, CustomStringConvertible {
  let reference: LuaReference
  /// The value as text, on one line where it is one of Pare's errors.
  package let message: String
  /// Lua's traceback from the place where it was raised.
  package let traceback: String
  /// The fields, where the value is an error object of Pare.
  package let pareError: PareError?
  /// Whether a plain string was raised.
  package let isText: Bool

  package var description: String { message }
  /// The value that was raised.
  package var value: LuaValue {
    get throws {
      let state = try reference.state()
      try state.push(reference)
      defer { pare_pop(state.stack, 1) }
      return state.value(at: -1)
    }
  }
}

extension LuaState {
  /// Pushes the Lua value of any Swift error.
  func pushError(_ error: any Error) {
    _ = lua_checkstack(stack, 20)
    switch error {
    case let error as LuaError where (try? push(error.reference)) != nil: break
    case let error as LuaError where error.pareError != nil: pushErrorObject(error.pareError ?? PareError(.internal, ""))
    case let error as LuaError: push(string: error.message)
    case let error as PareError:
      if error.code == .interrupted {
        Interrupt.clear()
        pare_interrupt_obeyed(record, false)
      }
      pushErrorObject(error)
    default: pushErrorObject(PareError(.internal, "\(error)"))
    }
  }

  private func pushErrorObject(_ error: PareError) {
    var source: UnsafePointer<CChar>?
    let line = pare_where(stack, &source)
    var script: String?
    if line > 0, let source {
      let name = String(cString: source)
      if name.hasPrefix("@") || name.hasPrefix("=") { script = String(name.dropFirst()) }
    }
    lua_createtable(stack, 0, 12)
    func set(_ key: String, _ value: String?) {
      guard let value else { return }
      push(string: value)
      lua_setfield(stack, -2, key)
    }
    func set(_ key: String, _ value: Int?) {
      guard let value else { return }
      lua_pushinteger(stack, lua_Integer(value))
      lua_setfield(stack, -2, key)
    }
    set("code", error.code.rawValue)
    set("message", error.message)
    set("argument", error.argument)
    set("expected", error.expected)
    set("got", error.got)
    set("suggestion", error.suggestion)
    set("step", error.step)
    set("method", error.method)
    set("layer", error.layer)
    set("op", error.op)
    // The file at fault where there is one, else the script that called.
    set("file", error.file ?? script)
    set("line", error.file == nil ? (error.line ?? (line > 0 ? Int(line) : nil)) : error.line)
    let place = script.map { "\($0):\(line): " } ?? ""
    set("text", (place + error.description).split(separator: "\n", omittingEmptySubsequences: true).joined(separator: " "))
    pare_traceback(stack)
    lua_setfield(stack, -2, "traceback")
    pare_mark_error(stack)
  }

  /// The values of an error object, as a script may have changed them.
  func errorFields(at index: Int32) -> PareError {
    let index = lua_absindex(stack, index)
    func text(_ key: String) -> String? {
      push(string: key)
      lua_rawget(stack, index)
      defer { pare_pop(stack, 1) }
      return self.text(at: -1)
    }
    func number(_ key: String) -> Int? {
      push(string: key)
      lua_rawget(stack, index)
      defer { pare_pop(stack, 1) }
      return lua_isinteger(stack, -1) != 0 ? Int(lua_tointegerx(stack, -1, nil)) : nil
    }
    var error = PareError(
      PareError.Code(rawValue: text("code") ?? "internal"), text("message") ?? "", argument: text("argument"),
      expected: text("expected"), got: text("got"), suggestion: text("suggestion"), layer: text("layer"),
      op: text("op"), file: text("file"), line: number("line"))
    error.step = number("step")
    error.method = text("method")
    return error
  }
}
