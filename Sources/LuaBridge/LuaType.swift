import CLua
import CLuaSupport
import Support

/// What Lua sees of a Swift class: one metatable for all its objects.
///
/// Methods stand in a plain table that completion can walk; properties are computed; metamethods are functions.
package struct LuaType<Object: AnyObject> {
  package typealias Property = (Object, LuaCall) throws -> Int
  package let name: String
  package var methods: [(name: String, body: LuaBody)] = []
  package var properties: [(name: String, read: Property)] = []
  package var metamethods: [(name: String, body: LuaBody)] = []
  /// Answers `object[key]` (arguments 1 and 2) where key is neither method nor property; nil if it does not either.
  package var index: ((Object, LuaCall) throws -> Int?)?

  package init(_ name: String) { self.name = name }
}

/// A registered type as the state keeps it.
struct RegisteredType {
  /// The metatable, by reference and by address.
  struct Handle {
    let metatable: Int32
    let pointer: UnsafeRawPointer?
  }
  let name: String
  let handle: Handle
}

extension LuaState {
  /// Makes the metatable of a type. Registering a type again is a fault of Pare.
  package func register<Object: AnyObject>(_ type: LuaType<Object>) throws {
    let key = ObjectIdentifier(Object.self)
    guard types[key] == nil else { throw PareError(.internal, "the Lua type '\(type.name)' is registered twice") }
    try ensureStack(10)
    lua_createtable(stack, 0, Int32(type.metamethods.count + 8))
    let metatable = lua_gettop(stack)
    set(metatable, "__name", type.name)
    // What `getmetatable` shows to scripts: a name, not the table.
    set(metatable, "__metatable", type.name)

    lua_createtable(stack, 0, Int32(type.methods.count))
    for method in type.methods {
      push(string: method.name)
      pushFunction(method.body)
      lua_rawset(stack, -3)
    }
    lua_pushvalue(stack, -1)
    lua_setfield(stack, metatable, "__methods")

    let readers = Dictionary(uniqueKeysWithValues: type.properties.map { ($0.name, $0.read) })
    let names = type.properties.map(\.name)
    let known = names + type.methods.map(\.name)
    let typeName = type.name
    let index = type.index
    // A method is found in C; the rest comes here.
    let body = NativeFunction { call in
      guard let object: Object = call.object(1) else {
        throw PareError(.argument, "\(typeName): not a \(typeName), or closed", got: call.typeName(1))
      }
      let name = call.string(2)
      if let name, let read = readers[name] { return try read(object, call) }
      if let results = try index?(object, call) { return results }
      guard let name else {
        throw PareError(.argument, "\(typeName): no index of this kind", got: call.brief(2))
      }
      throw PareError(
        .notFound, "\(typeName) has no field or method '\(name)'", argument: name,
        suggestion: Suggestion.didYouMean(name, among: known))
    }
    pare_push_index(stack, Unmanaged.passRetained(body).toOpaque())
    lua_setfield(stack, metatable, "__index")

    lua_createtable(stack, Int32(names.count), 0)
    for (position, name) in names.enumerated() {
      push(string: name)
      lua_rawseti(stack, -2, lua_Integer(position + 1))
    }
    lua_setfield(stack, metatable, "__properties")

    if !type.metamethods.contains(where: { $0.name == "__newindex" }) {
      push(string: "__newindex")
      pushFunction { call in
        throw PareError(
          .argument, "\(typeName): fields are read only", argument: call.string(2), got: call.string(2).map { "\($0) = ..." },
          suggestion: "keep what is yours in a table")
      }
      lua_rawset(stack, metatable)
    }
    for metamethod in type.metamethods {
      pushFunction(metamethod.body)
      lua_setfield(stack, metatable, metamethod.name)
    }
    pare_set_finalizers(stack)
    let pointer = lua_topointer(stack, -1)
    types[key] = RegisteredType(
      name: type.name, handle: .init(metatable: luaL_ref(stack, pare_registry), pointer: UnsafeRawPointer(pointer)))
  }

  private func set(_ table: Int32, _ key: String, _ text: String) {
    push(string: text)
    lua_setfield(stack, table, key)
  }

  /// Pushes a new handle of `object`, whose class must be registered.
  ///
  /// - Parameter bytes: memory behind the handle that Lua's collector should know of.
  package func push(object: AnyObject, bytes: Int = 0) throws {
    guard let type = registered(ObjectIdentifier(Swift.type(of: object))) else {
      throw PareError(.internal, "\(Swift.type(of: object)) has no Lua type")
    }
    pare_push_object(stack, Unmanaged.passRetained(object).toOpaque(), type.metatable, max(0, bytes))
  }

  /// A handle of `object` as a value.
  package func value(object: AnyObject, bytes: Int = 0) throws -> LuaValue {
    try push(object: object, bytes: bytes)
    return .object(LuaObject(reference: takeReference()))
  }

  package func object<T: AnyObject>(at index: Int32, as type: T.Type) -> T? {
    guard let type = registered(ObjectIdentifier(T.self)), let found = pare_object(stack, index, type.pointer) else {
      return nil
    }
    return Unmanaged<T>.fromOpaque(found).takeUnretainedValue()
  }

  /// Mostly the same type is asked for again: a comparison instead of a hash.
  private func registered(_ key: ObjectIdentifier) -> RegisteredType.Handle? {
    if let recent, recent.key == key { return recent.type }
    guard let found = types[key]?.handle else { return nil }
    recent = (key, found)
    return found
  }

  /// The name of the type of any value: a registered type's own name for a userdata.
  func typeName(at index: Int32) -> String {
    if lua_type(stack, index) == LUA_TUSERDATA, luaL_getmetafield(stack, index, "__name") == LUA_TSTRING {
      defer { pare_pop(stack, 1) }
      return text(at: -1) ?? "userdata"
    }
    return String(cString: lua_typename(stack, lua_type(stack, index)))
  }
}
