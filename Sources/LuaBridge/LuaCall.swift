import CLua
import CLuaSupport
import Support

/// The arguments of one call from Lua, and the way to hand back results. Valid during the call only.
///
/// Arguments count from 1. Readers return nil for a value of another type; the binding says what it expected.
package struct LuaCall {
  package let state: LuaState
  let stack: OpaquePointer
  /// How many arguments came.
  package let count: Int

  init(state: LuaState, stack: OpaquePointer) {
    self.state = state
    self.stack = stack
    count = Int(lua_gettop(stack))
  }

  /// The call without its first arguments: for `__call`, whose first is the table itself. Must come before results.
  package func dropping(_ arguments: Int) -> LuaCall {
    for _ in 0..<min(arguments, count) { pare_remove(stack, 1) }
    return LuaCall(state: state, stack: stack)
  }

  /// The slot of an argument; an empty one for an argument that did not come, also once results stand on the stack.
  private func slot(_ index: Int) -> Int32 { index <= count ? Int32(index) : lua_gettop(stack) + 1 }

  /// Whether argument `index` is absent or nil.
  package func isNone(_ index: Int) -> Bool { lua_type(stack, slot(index)) <= LUA_TNIL }
  package func isTable(_ index: Int) -> Bool { lua_type(stack, slot(index)) == LUA_TTABLE }
  package func isNumber(_ index: Int) -> Bool { lua_type(stack, slot(index)) == LUA_TNUMBER }
  package func isString(_ index: Int) -> Bool { lua_type(stack, slot(index)) == LUA_TSTRING }
  package func isFunction(_ index: Int) -> Bool { lua_type(stack, slot(index)) == LUA_TFUNCTION }

  package func number(_ index: Int) -> Double? {
    isNumber(index) ? lua_tonumberx(stack, slot(index), nil) : nil
  }
  /// An integer, or a float of integral value.
  package func integer(_ index: Int) -> Int? {
    guard isNumber(index) else { return nil }
    var isInteger: Int32 = 0
    let value = lua_tointegerx(stack, slot(index), &isInteger)
    return isInteger != 0 ? Int(value) : nil
  }
  package func string(_ index: Int) -> String? { isString(index) ? state.text(at: slot(index)) : nil }
  package func boolean(_ index: Int) -> Bool? {
    lua_type(stack, slot(index)) == LUA_TBOOLEAN ? lua_toboolean(stack, slot(index)) != 0 : nil
  }
  package func table(_ index: Int) -> LuaTable? {
    if case .table(let table) = value(index) { table } else { nil }
  }
  package func function(_ index: Int) -> LuaFunction? {
    if case .function(let function) = value(index) { function } else { nil }
  }
  package func value(_ index: Int) -> LuaValue { state.value(at: slot(index)) }
  /// The Swift object behind a userdata of that type.
  package func object<T: AnyObject>(_ index: Int, as type: T.Type = T.self) -> T? {
    state.object(at: slot(index), as: type)
  }

  /// The name of the argument's type for messages: `nil`, `number`, `tensor`.
  package func typeName(_ index: Int) -> String {
    lua_type(stack, slot(index)) == LUA_TNONE ? "nothing" : state.typeName(at: slot(index))
  }

  /// The type, and for short values the value, of an argument.
  package func brief(_ index: Int) -> String {
    switch value(index) {
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .boolean(let value): "\(value)"
    case .string(let text): text.count <= 40 ? "string '\(text)'" : "string '\(text.prefix(37))...'"
    default: typeName(index)
    }
  }

  // MARK: Results

  package func push(_ value: LuaValue) throws { try state.push(value) }
  package func push(_ value: Double) { lua_pushnumber(stack, value) }
  package func push(_ value: Int) { lua_pushinteger(stack, lua_Integer(value)) }
  package func push(_ value: Bool) { lua_pushboolean(stack, value ? 1 : 0) }
  package func push(_ value: String) { state.push(string: value) }
  /// Pushes a handle of a registered type.
  package func push(object: AnyObject, bytes: Int = 0) throws { try state.push(object: object, bytes: bytes) }
  /// Pushes argument `index` again.
  package func push(argument index: Int) { lua_pushvalue(stack, slot(index)) }

  /// Changes what the handle in argument `index` is charged for.
  package func recharge(_ index: Int, bytes: Int) { pare_recharge(stack, slot(index), max(0, bytes)) }

  // MARK: Numbers in tables, without a reference for each

  /// The numbers of nested lists, in order, with the sizes of the lists.
  package struct Numbers {
    package var shape: [Int] = []
    package var values: [Double] = []
    /// Integers beyond 2^53 by their position in `values`, where the nearest Double stands.
    package var wide: [Int: Int] = [:]
    package var allIntegers = true
    package var allBooleans = true
  }

  /// Reads nested lists of numbers or booleans of equal lengths.
  ///
  /// - Parameter scalar: reads what is neither number, boolean nor table (a handle), or returns nil.
  /// - Throws: `argument` naming the first place that does not fit.
  package func numbers(_ index: Int, name: String, scalar: (Int32) throws -> Double?) throws -> Numbers {
    var result = Numbers()
    var shape: [Int?] = []
    try readNumbers(lua_absindex(stack, slot(index)), depth: 0, &result, &shape, name: name, scalar: scalar)
    result.shape = shape.map { $0 ?? 0 }
    return result
  }

  private func readNumbers(
    _ index: Int32, depth: Int, _ result: inout Numbers, _ shape: inout [Int?], name: String,
    scalar: (Int32) throws -> Double?
  ) throws {
    guard depth < 8 else { throw PareError(.argument, "\(name): tables are nested more than 8 deep (a cycle?)") }
    guard lua_checkstack(stack, 4) != 0 else { throw PareError(.limit, "Lua's stack is full") }
    let length = Int(lua_rawlen(stack, index))
    if depth == shape.count {
      guard result.values.isEmpty || depth == 0 else { throw ragged(name) }
      shape.append(length)
    } else if shape[depth] != length {
      throw ragged(name)
    }
    for position in 0..<length {
      if position & 0xFFFF == 0xFFFF { try Interrupt.check() }
      lua_rawgeti(stack, index, lua_Integer(position + 1))
      defer { pare_pop(stack, 1) }
      switch lua_type(stack, -1) {
      case LUA_TTABLE:
        try readNumbers(
          lua_gettop(stack), depth: depth + 1, &result, &shape, name: name, scalar: scalar)
        continue
      case LUA_TNUMBER:
        if lua_isinteger(stack, -1) == 0 {
          result.allIntegers = false
        } else {
          let exact = Int(lua_tointegerx(stack, -1, nil))
          if exact.magnitude > 1 << 53 { result.wide[result.values.count] = exact }
        }
        result.allBooleans = false
        result.values.append(lua_tonumberx(stack, -1, nil))
      case LUA_TBOOLEAN:
        result.allIntegers = false
        result.values.append(lua_toboolean(stack, -1) != 0 ? 1 : 0)
      default:
        guard let value = try scalar(lua_gettop(stack)) else {
          throw PareError(
            .argument, "\(name): element \(position + 1) of a list", expected: "number",
            got: state.typeName(at: -1))
        }
        result.allBooleans = false
        result.allIntegers = false
        result.values.append(value)
      }
      guard shape.count == depth + 1 else { throw ragged(name) }
    }
  }

  private func ragged(_ name: String) -> PareError {
    PareError(.shape, "\(name): the nested lists are not of equal lengths and depth")
  }

  /// Pushes a table with what `push` makes of each of `values`, nested by `shape` (at least one axis).
  package func push<Values: RandomAccessCollection>(
    nested values: Values, shape: [Int], push: (Values.Element) -> Void
  ) throws where Values.SubSequence == Values {
    guard lua_checkstack(stack, 4) != 0 else { throw PareError(.limit, "Lua's stack is full") }
    guard let length = shape.first else { return }
    lua_createtable(stack, Int32(clamping: length), 0)
    let inner = Array(shape.dropFirst())
    let stride = length > 0 ? values.count / length : 0
    var start = values.startIndex
    for position in 0..<length {
      if position & 0xFFFF == 0xFFFF { try Interrupt.check() }
      if inner.isEmpty {
        push(values[start])
      } else {
        try self.push(nested: values[start..<values.index(start, offsetBy: stride)], shape: inner, push: push)
      }
      lua_rawseti(stack, -2, lua_Integer(position + 1))
      start = values.index(start, offsetBy: max(1, inner.isEmpty ? 1 : stride), limitedBy: values.endIndex) ?? values.endIndex
    }
  }
}
