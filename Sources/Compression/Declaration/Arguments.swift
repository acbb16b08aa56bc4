import Graph
import OrderedCollections
import Support
import Tensor

/// The arguments of one entry, checked against its declaration: names, types, ranges, nested entries.
///
/// Whoever holds a value of this type can read it without a second check. Defaults are filled in.
public struct Arguments: Sendable {
  /// The declaration that was checked against.
  public let entry: Entry
  /// Values in the order of the declaration, defaults included; absent optional parameters are left out.
  public let values: OrderedDictionary<String, Value>
  /// The names that the caller gave.
  public let given: Set<String>
  /// What the registration carries for its own use (a script's functions).
  public private(set) var payload: (any Sendable)?

  /// Checks `values` against `entry`.
  ///
  /// - Parameter registry: where nested entries are looked up.
  /// - Throws: `argument` for an unknown name (with the nearest one), a wrong type, a value out of range, a missing
  ///   required parameter; `not_found` for a nested entry that nobody registered.
  public init(_ entry: Entry, _ values: [String: Value] = [:], registry: Registry = .shared) throws {
    for name in values.keys.sorted() where entry.parameter(name) == nil {
      throw Self.unknown(name, for: entry)
    }
    var checked: OrderedDictionary<String, Value> = [:]
    var given: Set<String> = []
    for parameter in entry.parameters {
      var value = parameter.default
      if let own = values[parameter.name] {
        if case .null = own {} else {
          value = own
          given.insert(parameter.name)
        }
      }
      guard let value else {
        if parameter.isOptional { continue }
        throw PareError(
          .argument, "\(entry.name) needs the parameter '\(parameter.name)'", argument: parameter.name,
          expected: parameter.expectation)
      }
      let resolved = parameter.type == .entry ? try parameter.resolved(value, for: entry.name, in: registry) : value
      checked[parameter.name] =
        if case .mix = resolved { resolved } else { try parameter.checked(resolved, for: entry.name) }
    }
    self.entry = entry
    self.values = checked
    self.given = given
  }

  /// - Parameter others: names that are taken beside the declared ones.
  static func unknown(_ name: String, for entry: Entry, beside others: [String] = []) -> PareError {
    let names = entry.parameters.map(\.name) + others
    return PareError(
      .argument, "unknown parameter '\(name)' for \(entry.name)", argument: name,
      suggestion: Suggestion.didYouMean(name, among: names)
        ?? (names.isEmpty ? "it takes none" : "it takes \(names.joined(separator: ", "))"))
  }

  /// Returns the same arguments with something that only the registration's `make` understands.
  public func carrying(_ payload: any Sendable) -> Arguments {
    var copy = self
    copy.payload = payload
    return copy
  }

  /// True when the caller gave the parameter, false when its default holds or it is absent.
  public func isGiven(_ name: String) -> Bool { given.contains(name) }

  /// The value of a declared parameter; nil when it is optional and absent.
  ///
  /// - Throws: `internal` for a name that the entry does not declare: a fault of the extension.
  public func value(_ name: String) throws -> Value? {
    if let value = values[name] { return value }
    guard entry.parameter(name) != nil else {
      throw PareError(
        .internal, "\(entry.name) reads the parameter '\(name)', which its entry does not declare", argument: name)
    }
    return nil
  }
}

extension Arguments {
  /// The number of a parameter that is given or has a default.
  public func number(_ name: String) throws -> Double { try required(name, optionalNumber(name)) }
  /// A whole number; a number of integral value counts as one.
  ///
  /// - Throws: `argument` when the parameter is absent or holds no whole number.
  public func integer(_ name: String) throws -> Int { try required(name, optionalInteger(name)) }
  /// A flag.
  ///
  /// - Throws: `argument` when the parameter is absent, or when one of its words stands instead.
  public func boolean(_ name: String) throws -> Bool { try required(name, optionalBoolean(name)) }
  /// The text of a string or of a choice, or the word given instead of a value of another type.
  public func string(_ name: String) throws -> String { try required(name, optionalString(name)) }
  /// The items of a list, or of a table without named fields.
  ///
  /// - Throws: `argument` when the parameter is absent or holds something else.
  public func list(_ name: String) throws -> [Value] { try required(name, optionalList(name)) }
  /// A table; a list counts as one with items only.
  ///
  /// - Throws: `argument` when the parameter is absent or holds something else.
  public func table(_ name: String) throws -> ValueTable { try required(name, optionalTable(name)) }
  /// A tensor, as the caller gave it.
  ///
  /// - Throws: `argument` when the parameter is absent.
  public func tensor(_ name: String) throws -> Tensor { try required(name, optionalTensor(name)) }
  /// A model.
  ///
  /// - Throws: `argument` when the parameter is absent, or when one of its words stands instead.
  public func model(_ name: String) throws -> Model { try required(name, optionalModel(name)) }
  /// A function of a script.
  ///
  /// - Throws: `argument` when the parameter is absent, or when one of its words stands instead.
  public func function(_ name: String) throws -> FunctionValue { try required(name, optionalFunction(name)) }

  /// Like `number`, nil when the parameter is absent or one of its words stands instead.
  public func optionalNumber(_ name: String) throws -> Double? { try value(name)?.asNumber }
  /// Like `integer`, nil when the parameter is absent or holds no whole number.
  public func optionalInteger(_ name: String) throws -> Int? { try value(name)?.asInteger }
  /// Like `boolean`, nil when the parameter is absent or one of its words stands instead.
  public func optionalBoolean(_ name: String) throws -> Bool? {
    if case .boolean(let value)? = try value(name) { value } else { nil }
  }
  /// Like `string`, nil when the parameter is absent or holds no string.
  public func optionalString(_ name: String) throws -> String? { try value(name)?.asString }
  /// Like `list`, nil when the parameter is absent or holds no list.
  public func optionalList(_ name: String) throws -> [Value]? { try value(name)?.asList }
  /// The strings of a list, such as names of layers.
  ///
  /// - Throws: `argument` for an item that is no string.
  public func strings(_ name: String) throws -> [String] { try required(name, optionalStrings(name)) }

  /// Like `strings`, nil when the parameter is absent.
  public func optionalStrings(_ name: String) throws -> [String]? {
    try optionalList(name)?.map { item in
      if let text = item.asString { return text }
      throw PareError(
        .argument, "parameter '\(name)' of \(entry.name)", argument: name, expected: "a list of strings", got: item.brief)
    }
  }
  /// Like `table`, nil when the parameter is absent or one of its words stands instead.
  public func optionalTable(_ name: String) throws -> ValueTable? { try value(name)?.asTable }
  /// Like `tensor`, nil when the parameter is absent.
  public func optionalTensor(_ name: String) throws -> Tensor? {
    if case .tensor(let value)? = try value(name) { value } else { nil }
  }
  /// Nil when the parameter is absent, or when one of its words stands instead of a model.
  public func optionalModel(_ name: String) throws -> Model? {
    if case .model(let value)? = try value(name) { value } else { nil }
  }
  /// Like `function`, nil when the parameter is absent or one of its words stands instead.
  public func optionalFunction(_ name: String) throws -> FunctionValue? {
    if case .function(let value)? = try value(name) { value } else { nil }
  }

  /// Makes the extension that a parameter names: `try arguments.entry("criterion", as: (any ImportanceCriterion).self)`.
  ///
  /// - Throws: what the extension's initializer throws; `internal` when the parameter's kind is another one.
  public func entry<E>(_ name: String, as type: E.Type = E.self) throws -> E {
    try required(name, optionalEntry(name, as: type))
  }

  /// Like `entry`, nil when the parameter is absent or one of its words stands instead.
  public func optionalEntry<E>(_ name: String, as type: E.Type = E.self) throws -> E? {
    switch try value(name) {
    case .entry(let entry)?: try entry.make(as: type)
    case .mix(let entries)?: try entries.first?.make(as: type)
    default: nil
    }
  }

  /// The entries of a mix, each with its weight; one for a parameter that names a single entry.
  public func entries<E>(_ name: String, as type: E.Type = E.self) throws -> [(extension: E, weight: Double)] {
    switch try value(name) {
    case .entry(let entry)?: [(try entry.make(as: type), entry.weight)]
    case .mix(let entries)?: try entries.map { (try $0.make(as: type), $0.weight) }
    default: []
    }
  }

  private func required<T>(_ name: String, _ value: T?) throws -> T {
    if let value { return value }
    throw PareError(
      .argument, "parameter '\(name)' of \(entry.name)", argument: name,
      expected: entry.parameter(name)?.expectation, got: values[name]?.brief ?? "nothing")
  }
}
