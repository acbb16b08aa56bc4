import Support

/// The types that parameters can have.
public enum ParameterType: String, CaseIterable, Sendable {
  case number, integer, boolean, string, choice, list, table, tensor, model, function, entry
}

/// The numbers that a parameter may take.
public struct ParameterRange: Sendable, Equatable, CustomStringConvertible {
  /// The lowest number; nil: none.
  public var minimum: Double?
  /// The highest number; nil: none.
  public var maximum: Double?
  /// False: the minimum itself is not allowed.
  public var includesMinimum: Bool
  /// False: the maximum itself is not allowed.
  public var includesMaximum: Bool

  /// A range with any of both ends; without one, any number but NaN.
  public init(
    minimum: Double? = nil, maximum: Double? = nil, includesMinimum: Bool = true, includesMaximum: Bool = true
  ) {
    self.minimum = minimum
    self.maximum = maximum
    self.includesMinimum = includesMinimum
    self.includesMaximum = includesMaximum
  }

  /// Whether `value` is in the range; NaN never is.
  public func contains(_ value: Double) -> Bool {
    if let minimum, value < minimum || (value == minimum && !includesMinimum) { return false }
    if let maximum, value > maximum || (value == maximum && !includesMaximum) { return false }
    return !value.isNaN
  }

  /// "0...4", "0..<1", "above 0", "at least 1".
  public var description: String {
    switch (minimum, maximum) {
    case (let low?, let high?):
      let left = Value.text(of: low), right = Value.text(of: high)
      if includesMinimum { return includesMaximum ? "\(left)...\(right)" : "\(left)..<\(right)" }
      return "above \(left), " + (includesMaximum ? "at most" : "below") + " \(right)"
    case (let low?, nil): return (includesMinimum ? "at least " : "above ") + Value.text(of: low)
    case (nil, let high?): return (includesMaximum ? "at most " : "below ") + Value.text(of: high)
    case (nil, nil): return "any number"
    }
  }
}

/// One parameter of an entry: name, type, default, range, documentation.
///
/// A parameter without default must be given, unless `isOptional`.
public struct ParameterSpec: Sendable {
  /// The name in scripts.
  public var name: String
  /// What kind of value it takes.
  public var type: ParameterType
  /// What holds when the caller says nothing.
  public var `default`: Value?
  /// For numbers and integers: what is allowed.
  public var range: ParameterRange?
  /// For a choice: the allowed words. For any other type: words that are accepted beside its own values ("input").
  public var choices: [String]
  /// Words that completion offers for a string, which may be another one as well.
  public var suggestions: [String] = []
  /// What the parameter is for, with its unit.
  public var doc: String
  /// For an entry: of which kind.
  public var kind: ExtensionKind?
  /// For an entry: true when a list of entries (a mix) may be given.
  public var isMix: Bool
  /// True when the parameter may be absent without having a default.
  public var isOptional: Bool
  /// For an entry: the entry that a bare number stands for, as its first parameter (`rank=8` is `{"fixed", rank=8}`).
  public var numberEntry: String?

  /// Takes the declaration as it is; `number`, `integer`, `choice` and the others below are shorter.
  public init(
    name: String, type: ParameterType, default: Value? = nil, range: ParameterRange? = nil, choices: [String] = [],
    doc: String = "", kind: ExtensionKind? = nil, isMix: Bool = false, isOptional: Bool = false
  ) {
    self.name = name
    self.type = type
    self.default = `default`
    self.range = range
    self.choices = choices
    self.doc = doc
    self.kind = kind
    self.isMix = isMix
    self.isOptional = isOptional
  }

  /// True when the caller must give it.
  public var isRequired: Bool { `default` == nil && !isOptional }
}

extension ParameterSpec {
  /// A floating-point number. An open range takes `0..<1`, `0...` and `ParameterRange(...)`.
  public static func number(
    _ name: String, default: Double? = nil, in range: ClosedRange<Double>, optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    number(name, default: `default`, allowed: ParameterRange(minimum: range.lowerBound, maximum: range.upperBound),
      optional: optional, doc: doc)
  }

  /// A floating-point number below the range's upper end.
  public static func number(
    _ name: String, default: Double? = nil, in range: Range<Double>, optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    number(
      name, default: `default`,
      allowed: ParameterRange(minimum: range.lowerBound, maximum: range.upperBound, includesMaximum: false),
      optional: optional, doc: doc)
  }

  /// A floating-point number from the range's lower end on.
  public static func number(
    _ name: String, default: Double? = nil, in range: PartialRangeFrom<Double>, optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    number(name, default: `default`, allowed: ParameterRange(minimum: range.lowerBound), optional: optional, doc: doc)
  }

  /// A floating-point number in any `ParameterRange`, also one without its ends; nil: any number.
  public static func number(
    _ name: String, default: Double? = nil, allowed: ParameterRange? = nil, optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    ParameterSpec(name: name, type: .number, default: `default`.map(Value.number), range: allowed, doc: doc,
      isOptional: optional)
  }

  /// A whole number; floats of integral value are taken.
  public static func integer(
    _ name: String, default: Int? = nil, in range: ClosedRange<Int>? = nil, optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    ParameterSpec(
      name: name, type: .integer, default: `default`.map(Value.integer),
      range: range.map { ParameterRange(minimum: Double($0.lowerBound), maximum: Double($0.upperBound)) }, doc: doc,
      isOptional: optional)
  }

  /// A whole number from the range's lower end on.
  public static func integer(
    _ name: String, default: Int? = nil, in range: PartialRangeFrom<Int>, optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    ParameterSpec(
      name: name, type: .integer, default: `default`.map(Value.integer),
      range: ParameterRange(minimum: Double(range.lowerBound)), doc: doc, isOptional: optional)
  }

  /// True or false.
  public static func boolean(
    _ name: String, default: Bool? = nil, optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    ParameterSpec(name: name, type: .boolean, default: `default`.map(Value.boolean), doc: doc, isOptional: optional)
  }

  /// Any text; `choice` takes one of several words.
  ///
  /// - Parameter suggesting: what completion offers.
  public static func string(
    _ name: String, default: String? = nil, suggesting words: [String] = [], optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    var spec = ParameterSpec(name: name, type: .string, default: `default`.map(Value.string), doc: doc, isOptional: optional)
    spec.suggestions = words
    return spec
  }

  /// One word of `among`.
  public static func choice(
    _ name: String, among: [String], default: String? = nil, optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    ParameterSpec(name: name, type: .choice, default: `default`.map(Value.string), choices: among, doc: doc,
      isOptional: optional)
  }

  /// A list of values; a list of names, of sizes.
  public static func list(
    _ name: String, default: [Value]? = nil, optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    ParameterSpec(name: name, type: .list, default: `default`.map(Value.list), doc: doc, isOptional: optional)
  }

  /// A table of named values.
  ///
  /// - Parameter or: words that are accepted instead of a table.
  public static func table(
    _ name: String, default: Value? = nil, or words: [String] = [], optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    ParameterSpec(name: name, type: .table, default: `default`, choices: words, doc: doc, isOptional: optional)
  }

  /// A tensor of any shape and dtype. It has no default.
  public static func tensor(_ name: String, optional: Bool = false, doc: String = "") -> ParameterSpec {
    ParameterSpec(name: name, type: .tensor, doc: doc, isOptional: optional)
  }

  /// A model.
  ///
  /// - Parameter or: words that are accepted instead of a model (`teacher="input"`).
  public static func model(
    _ name: String, default: String? = nil, or words: [String] = [], optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    ParameterSpec(name: name, type: .model, default: `default`.map(Value.string), choices: words, doc: doc,
      isOptional: optional)
  }

  /// A function of a script. It has no default.
  public static func function(_ name: String, optional: Bool = false, doc: String = "") -> ParameterSpec {
    ParameterSpec(name: name, type: .function, doc: doc, isOptional: optional)
  }

  /// Another entry of the registry, by name (`"magnitude"`) or with its own parameters (`{"magnitude", p=2}`).
  ///
  /// - Parameters:
  ///   - or: words that are accepted and name no entry.
  ///   - number: the entry that a bare number stands for, as its first parameter.
  public static func entry(
    _ name: String, kind: ExtensionKind, default: String? = nil, or words: [String] = [], number: String? = nil,
    optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    var spec = ParameterSpec(
      name: name, type: .entry, default: `default`.map(Value.string), choices: words, doc: doc, kind: kind,
      isOptional: optional)
    spec.numberEntry = number
    return spec
  }

  /// One entry or a list of them: `{ {"kd", weight=1}, {"attention", weight=1000} }`.
  public static func entries(
    _ name: String, kind: ExtensionKind, default: String? = nil, optional: Bool = false, doc: String = ""
  ) -> ParameterSpec {
    ParameterSpec(name: name, type: .entry, default: `default`.map(Value.string), doc: doc, kind: kind, isMix: true,
      isOptional: optional)
  }
}

extension ParameterSpec {
  /// Returns `value` as this parameter's type has it: integral floats as integers, 0-d tensors as numbers.
  ///
  /// - Parameter owner: the entry that declares the parameter, for the message.
  /// - Throws: `argument` with `argument`, `expected` and `got`.
  func checked(_ value: Value, for owner: String) throws -> Value {
    if case .string(let word) = value, choices.contains(word) { return value }
    if case .boolean(let flag) = value, choices.contains("\(flag)") { return value }
    let checked: Value? =
      switch type {
      case .number: value.asNumber.map(Value.number)
      case .integer: value.asInteger.map(Value.integer)
      case .boolean: if case .boolean = value { value } else { nil }
      case .string: if case .string = value { value } else { nil }
      case .choice: nil
      case .list: value.asList.map(Value.list)
      case .table: value.asTable.map(Value.table)
      case .tensor: if case .tensor = value { value } else { nil }
      case .model: if case .model = value { value } else { nil }
      case .function: if case .function = value { value } else { nil }
      case .entry: if case .entry = value { value } else { nil }
      }
    guard let checked else { throw refused(value, for: owner) }
    if let range {
      let number: Double? = checked.asNumber
      if let number, !range.contains(number) { throw refused(value, for: owner) }
    }
    return checked
  }

  /// What the parameter takes, in words: "a number in 0...4", "'sum', 'mean' or 'max'".
  public var expectation: String {
    let words = choices.map { "'\($0)'" }
    let own: String? =
      switch type {
      case .number: "a number" + limits
      case .integer: "an integer" + limits
      case .boolean: "true or false"
      case .string: "a string"
      case .choice: nil
      case .list: "a list"
      case .table: "a table"
      case .tensor: "a tensor"
      case .model: "a model"
      case .function: "a function"
      case .entry:
        isMix ? "\(kindWithArticle) or a list of them" : "the name of \(kindWithArticle) or {name, ...}"
      }
    let all = (own.map { [$0] } ?? []) + words
    guard all.count > 1, let last = all.last else { return all.first ?? "nothing" }
    return all.dropLast().joined(separator: ", ") + " or " + last
  }

  private var kindWithArticle: String { (kind?.rawValue ?? "entry").withArticle }

  private var limits: String {
    guard let range else { return "" }
    return range.minimum != nil && range.maximum != nil && range.includesMinimum ? " in \(range)" : " \(range)"
  }

  func refused(_ value: Value, for owner: String) -> PareError {
    var suggestion: String?
    if case .string(let word) = value { suggestion = Suggestion.didYouMean(word, among: choices) }
    return PareError(
      .argument, "parameter '\(name)' of \(owner)", argument: name, expected: expectation, got: value.brief,
      suggestion: suggestion)
  }
}
