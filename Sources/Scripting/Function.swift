import Compression
import Graph
import LuaBridge
import Support
import Tensor

/// The declaration of one bound function: argument checking, help and completion are all derived from it.
///
/// Sendable since it is constant, and its body runs on an interpreter's own thread only.
struct Function: @unchecked Sendable {
  /// How the named options are given.
  enum Style {
    /// `f(a, b, {option=1})`
    case positional
    /// `f{option=1}`: one table holds everything.
    case table
  }

  /// Full name as help shows it: `tensor.zeros`, `x:relu`.
  let name: String
  let positional: [ParameterSpec]
  let options: [ParameterSpec]
  let style: Style
  /// The last positional parameter may be repeated.
  let isVariadic: Bool
  let summary: String
  let example: String
  let body: (Call) throws -> Int

  init(
    _ name: String, _ positional: [ParameterSpec], options: [ParameterSpec] = [], style: Style = .positional,
    variadic: Bool = false, _ summary: String, example: String = "", _ body: @escaping (Call) throws -> Int
  ) {
    self.name = name
    self.positional = positional
    self.options = options
    self.style = style
    isVariadic = variadic
    self.summary = summary
    self.example = example
    self.body = body
  }

  /// A function without positional parameters.
  init(
    _ name: String, options: [ParameterSpec] = [], style: Style = .positional, variadic: Bool = false, _ summary: String,
    example: String = "", _ body: @escaping (Call) throws -> Int
  ) {
    self.init(name, [], options: options, style: style, variadic: variadic, summary, example: example, body)
  }

  /// The part of the name that scripts index with.
  var key: String {
    String(name[(name.lastIndex { $0 == "." || $0 == ":" }.map(name.index(after:)) ?? name.startIndex)...])
  }
  var isMethod: Bool { name.contains(":") }

  /// The entry that named options are checked against.
  var entry: Entry { Entry(name: name, summary: summary, parameters: options) }

  /// `x:sum{axis=, keepdim=false}`
  var usage: String {
    func option(_ spec: ParameterSpec) -> String { spec.name + "=" + (spec.default?.brief ?? "") }
    let named = "{" + options.map(option).joined(separator: ", ") + "}"
    if style == .table { return name + (options.isEmpty ? "{...}" : named) }
    var parts = positional.map { $0.isOptional ? "[\($0.name)]" : $0.name }
    if isVariadic { parts.append("...") }
    if !options.isEmpty { parts.append(named) }
    return "\(name)(\(parts.joined(separator: ", ")))"
  }

  /// The body that Lua calls: checks the count of arguments, then runs.
  func bound(_ environment: ScriptEnvironment) -> LuaBody {
    let offset = isMethod ? 1 : 0
    let most = style == .table ? 1 : positional.count + (options.isEmpty ? 0 : 1)
    return { [unowned environment] lua in
      let call = Call(function: self, environment: environment, lua: lua, offset: offset)
      if lua.count > offset + most, !isVariadic {
        for index in (offset + most + 1)...lua.count where !lua.isNone(index) {
          throw PareError(
            .argument, "\(name): too many arguments", expected: "at most \(most)", got: "\(lua.count - offset)",
            suggestion: usage)
        }
      }
      return try body(call)
    }
  }
}

/// One call of a bound function. Positional arguments count from 1, without `self`.
struct Call {
  let function: Function
  unowned let environment: ScriptEnvironment
  let lua: LuaCall
  let offset: Int

  var state: LuaState { lua.state }
  var count: Int { max(0, lua.count - offset) }
  func isNone(_ index: Int) -> Bool { lua.isNone(index + offset) }

  private func parameter(_ index: Int) -> ParameterSpec? {
    if index <= function.positional.count { return function.positional[index - 1] }
    return function.isVariadic ? function.positional.last : nil
  }

  /// The error for an argument that is not what was declared.
  func refused(_ index: Int, expected: String? = nil) -> PareError {
    let name = index == 0 ? "self" : parameter(index)?.name ?? "\(index)"
    let hint = index == 0 && function.isMethod ? "call it with a colon: \(function.usage)" : function.usage
    return PareError(
      .argument, "\(function.name): \(index == 0 ? "receiver" : "argument \(index) '\(name)'")", argument: name,
      expected: expected ?? parameter(index)?.expectation ?? "a value",
      got: index + offset > lua.count ? "nothing" : lua.brief(index + offset), suggestion: hint)
  }

  // MARK: Receiver

  func receiver<T: AnyObject>(_ type: T.Type = T.self) throws -> T {
    if let object = lua.object(1, as: type) { return object }
    let name = (T.self as? any NamedHandle.Type)?.typeName.description ?? "value"
    throw refused(0, expected: name.withArticle)
  }

  // MARK: Positional arguments

  func handle<T: AnyObject>(_ index: Int, _ type: T.Type = T.self) -> T? { lua.object(index + offset, as: type) }

  func tensor(_ index: Int) throws -> Tensor {
    if let handle: TensorHandle = handle(index) { return handle.value }
    throw refused(index, expected: "a tensor")
  }

  func model(_ index: Int) throws -> Model {
    if let handle: ModelHandle = handle(index) { return handle.model }
    throw refused(index, expected: "a model")
  }

  func optionalNumber(_ index: Int) throws -> Double? {
    if let number = lua.number(index + offset) { return number }
    if isNone(index) { return nil }
    if let handle: TensorHandle = handle(index), handle.value.rank == 0 { return try handle.value.item() }
    throw refused(index, expected: "a number")
  }

  func number(_ index: Int) throws -> Double {
    if let number = try optionalNumber(index) { return try checked(number, index) }
    throw refused(index)
  }

  func optionalInteger(_ index: Int) throws -> Int? {
    if let integer = lua.integer(index + offset) {
      _ = try checked(Double(integer), index)
      return integer
    }
    guard let number = try optionalNumber(index) else { return nil }
    guard let exact = Int(exactly: number) else { throw refused(index, expected: "an integer") }
    return exact
  }

  func integer(_ index: Int) throws -> Int {
    if let integer = try optionalInteger(index) { return integer }
    throw refused(index)
  }

  private func checked(_ number: Double, _ index: Int) throws -> Double {
    if let range = parameter(index)?.range, !range.contains(number) { throw refused(index) }
    return number
  }

  func optionalString(_ index: Int) throws -> String? {
    if let text = lua.string(index + offset) { return text }
    if isNone(index) { return nil }
    throw refused(index, expected: "a string")
  }

  func string(_ index: Int) throws -> String {
    if let text = try optionalString(index) { return text }
    throw refused(index)
  }

  func function(_ index: Int) throws -> LuaFunction {
    if let function = lua.function(index + offset) { return function }
    throw refused(index, expected: "a function")
  }

  func table(_ index: Int) throws -> LuaTable {
    if let table = lua.table(index + offset) { return table }
    throw refused(index, expected: "a table")
  }

  func value(_ index: Int) -> LuaValue { lua.value(index + offset) }

  /// A list of integers, given as a table.
  func integers(_ index: Int) throws -> [Int] {
    guard lua.isTable(index + offset) else { throw refused(index, expected: "a list of integers") }
    let numbers = try lua.numbers(index + offset, name: function.name) { slot in try TensorHandle.scalar(lua, slot) }
    guard numbers.shape.count == 1 else { throw refused(index, expected: "a flat list of integers") }
    return try numbers.values.map { value in
      guard let exact = Int(exactly: value) else {
        throw PareError(
          .argument, "\(function.name): '\(parameter(index)?.name ?? "")'", argument: parameter(index)?.name,
          expected: "integers", got: "\(value)")
      }
      return exact
    }
  }

  /// A list of integers, or one integer.
  func oneOrMoreIntegers(_ index: Int) throws -> [Int] {
    lua.isTable(index + offset) ? try integers(index) : [try integer(index)]
  }

  /// Whether the options stand at this place, where a positional argument could have been: `x:norm{p=1}`.
  func isOptions(_ index: Int) -> Bool { lua.isTable(index + offset) }

  /// A shape: a list of sizes.
  func shape(_ index: Int) throws -> Shape {
    let sizes = try integers(index)
    guard sizes.allSatisfy({ $0 >= 0 }) else { throw refused(index, expected: "sizes of at least 0") }
    return try Shape(sizes)
  }

  /// An axis of `rank` axes, counted from 1 or from the end, as a position from 0.
  func axis(_ index: Int, rank: Int) throws -> Int { try Axis.position(integer(index), rank: rank, in: function.name) }

  /// A layer, by name or by its position from 1 (negative: from the end).
  func layer(_ index: Int, of model: Model) throws -> String {
    if let name = lua.string(index + offset), lua.number(index + offset) == nil { return name }
    guard lua.number(index + offset) != nil else { throw refused(index, expected: "a layer's name or position") }
    return try model.nodes[Axis.position(integer(index), rank: model.nodes.count, in: function.name, what: "layer")].name
  }

  // MARK: Named options

  /// The named options, checked against the declaration.
  func options() throws -> Arguments {
    let index = function.style == .table ? 1 : function.positional.count + 1
    return try options(at: index)
  }

  func options(at index: Int) throws -> Arguments {
    if isNone(index) { return try Arguments(function.entry) }
    guard let table = lua.table(index + offset) else {
      throw PareError(
        .argument, "\(function.name): options", expected: "a table of named options", got: lua.brief(index + offset),
        suggestion: function.usage)
    }
    return try Arguments(function.entry, Conversion.named(table, of: function.name, environment))
  }

  /// The named options, with those called `raw` as they came: data sets, callbacks, what has no parameter type.
  ///
  /// - Parameter others: names that are the caller's to read: parameters of an entry beside the function's own.
  func options(
    raw: Set<String>, at position: Int? = nil, others: Set<String> = []
  ) throws -> (Arguments, [String: LuaValue]) {
    let index = position ?? (function.style == .table ? 1 : function.positional.count + 1)
    let entry = Entry(
      name: function.name, summary: function.summary, parameters: function.options.filter { !raw.contains($0.name) })
    if isNone(index) { return (try Arguments(entry), [:]) }
    guard let table = lua.table(index + offset) else { return (try options(at: index), [:]) }
    let known = function.options.map(\.name)
    for pair in try table.fields where !known.contains(pair.key) && !others.contains(pair.key) {
      throw PareError(
        .argument, "unknown parameter '\(pair.key)' for \(function.name)", argument: pair.key,
        suggestion: Suggestion.didYouMean(pair.key, among: known + others) ?? "it takes \((known + others.sorted()).joined(separator: ", "))")
    }
    let values = try Conversion.named(table, of: function.name, environment, without: raw.union(others))
    var found: [String: LuaValue] = [:]
    for name in raw {
      let value = try table[key: name]
      if case .null = value { continue }
      found[name] = value
    }
    return (try Arguments(entry, values), found)
  }

  // MARK: Results

  func push(_ tensor: Tensor) throws -> Int {
    try lua.push(object: TensorHandle(tensor), bytes: tensor.byteCount)
    return 1
  }

  /// Pushes a list of tensors as a table.
  func push(_ tensors: [Tensor]) throws -> Int {
    try push(.table(Conversion.list(tensors, state) { try state.value(object: TensorHandle($0), bytes: $0.byteCount) }))
  }

  func push(_ model: Model) throws -> Int {
    try lua.push(object: ModelHandle(model), bytes: model.heldBytes)
    return 1
  }

  func push(_ value: LuaValue) throws -> Int {
    try lua.push(value)
    return 1
  }
}

/// A Swift object that Lua holds, with the name of its Lua type.
protocol NamedHandle: AnyObject {
  static var typeName: StaticString { get }
}

/// Axes and positions as scripts count them.
enum Axis {
  /// Turns an index that counts from 1, or from -1 at the end, into a position from 0.
  ///
  /// - Throws: `argument` when there is no such position.
  static func position(_ index: Int, rank: Int, in function: String, what: String = "axis") throws -> Int {
    let position = index > 0 ? index - 1 : index < 0 ? rank &+ index : -1
    guard (0..<rank).contains(position) else {
      throw PareError(
        .argument, "\(function): \(what) is out of range", argument: what,
        expected: rank == 0 ? "none, there is nothing to index" : "1 to \(rank), or -\(rank) to -1", got: "\(index)")
    }
    return position
  }
}
