import Graph
import OrderedCollections
import Support
import Tensor

/// A value that a parameter can hold, in Swift, Lua and (where it can be written down) in the ledger.
public enum Value: Sendable {
  case null
  case number(Double)
  case integer(Int)
  case boolean(Bool)
  case string(String)
  case list([Value])
  case table(ValueTable)
  case tensor(Tensor)
  case model(Model)
  case function(FunctionValue)
  /// An entry of the registry with arguments that were checked.
  case entry(EntryValue)
  /// Several entries, each with its weight.
  case mix([EntryValue])
}

/// A table as scripts write it: positional items, then named fields, sorted by name so that order means nothing.
public struct ValueTable: Sendable {
  /// The positional items, in order.
  public var items: [Value]
  /// The named fields, sorted by name.
  public private(set) var fields: OrderedDictionary<String, Value>

  /// A table of items and fields, in whatever order the fields come.
  public init(items: [Value] = [], fields: [String: Value] = [:]) {
    self.items = items
    self.fields = OrderedDictionary(uniqueKeysWithValues: fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
  }

  /// The field of that name, nil where there is none.
  public subscript(_ name: String) -> Value? { fields[name] }
  /// True when there is neither an item nor a field.
  public var isEmpty: Bool { items.isEmpty && fields.isEmpty }
}

/// A function of a script: called like a function, recorded by its source and the hash of it.
public struct FunctionValue: Sendable {
  /// The text of the function, as far as it is known.
  public let source: String
  private let body: @Sendable ([Value]) throws -> [Value]

  /// Wraps a function; `source` alone says in the ledger which one it was.
  public init(source: String, _ body: @escaping @Sendable ([Value]) throws -> [Value]) {
    self.source = source
    self.body = body
  }

  /// Calls the function.
  ///
  /// - Throws: what the function throws, unchanged.
  public func callAsFunction(_ arguments: Value...) throws -> [Value] { try body(arguments) }

  /// Calls the function with arguments that stand in a list.
  public func call(_ arguments: [Value]) throws -> [Value] { try body(arguments) }

  /// FNV-1a of the source, 64 bits, 16 hexadecimal digits.
  public var hash: String {
    let digits = String(Philox.stream(named: source), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

extension Value {
  /// The number in a number, an integer or a tensor of one element without axes; nil for others and for NaN.
  public var asNumber: Double? {
    switch self {
    case .number(let value): value.isNaN ? nil : value
    case .integer(let value): Double(value)
    case .tensor(let tensor): tensor.rank == 0 ? (try? tensor.item()) : nil
    default: nil
    }
  }

  /// The integer in an integer or in a number of integral value.
  public var asInteger: Int? {
    if case .integer(let value) = self { return value }
    return asNumber.flatMap { Int(exactly: $0) }
  }

  /// The items of a list, or of a table that has no named field.
  public var asList: [Value]? {
    switch self {
    case .list(let items): items
    case .table(let table) where table.fields.isEmpty: table.items
    default: nil
    }
  }

  /// A table; a list counts as one with items only.
  public var asTable: ValueTable? {
    switch self {
    case .table(let table): table
    case .list(let items): ValueTable(items: items)
    default: nil
    }
  }

  /// The string in a string.
  public var asString: String? { if case .string(let text) = self { text } else { nil } }

  /// Short text for messages: `'sum'`, `0.5`, `a table`.
  public var brief: String {
    switch self {
    case .null: "nothing"
    case .number(let value): Self.text(of: value)
    case .integer(let value): String(value)
    case .boolean(let value): String(value)
    case .string(let text): text.count > 40 ? "'\(text.prefix(40))...'" : "'\(text)'"
    case .list(let items): items.isEmpty ? "an empty list" : "a list of \(items.count)"
    case .table(let table): table.isEmpty ? "an empty table" : "a table"
    case .tensor(let tensor): "a tensor \(Array(tensor.shape))"
    case .model: "a model"
    case .function: "a function"
    case .entry(let entry): "the \(entry.kind) '\(entry.name)'"
    case .mix(let entries): "a list of \(entries.count) entries"
    }
  }

  /// Integral numbers without a fraction, others in the shortest form that reads back the same.
  static func text(of value: Double) -> String {
    if let integer = Int(exactly: value), abs(integer) < 1 << 53 { return String(integer) }
    return "\(value)"
  }
}

extension Value: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  /// A number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// An integer.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
  /// A text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A list.
  public init(arrayLiteral elements: Value...) { self = .list(elements) }
  /// Nothing.
  public init(nilLiteral: ()) { self = .null }
  /// The last of two values for one key counts.
  public init(dictionaryLiteral elements: (String, Value)...) {
    self = .table(ValueTable(fields: Dictionary(elements, uniquingKeysWith: { _, last in last })))
  }
}
