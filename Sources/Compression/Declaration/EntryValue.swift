import OrderedCollections
import Support

/// An entry of the registry with checked arguments: what a parameter like `criterion` holds.
public struct EntryValue: Sendable {
  /// The entry of the registry that makes the extension.
  public let registration: Registration
  /// What it is made with, checked against the entry.
  public let arguments: Arguments
  /// The share of this entry in a mix; 1 unless said.
  public let weight: Double

  /// Puts together what was checked before; the parameter that holds it says which kind is allowed.
  public init(_ registration: Registration, _ arguments: Arguments, weight: Double = 1) {
    self.registration = registration
    self.arguments = arguments
    self.weight = weight
  }

  /// The kind of the entry.
  public var kind: ExtensionKind { registration.kind }
  /// The name of the entry.
  public var name: String { registration.entry.name }

  /// Makes the extension.
  public func make<E>(as type: E.Type = E.self) throws -> E {
    let made = try registration.make(arguments)
    guard let made = made as? E else {
      throw PareError(.internal, "the \(kind) '\(name)' is not what its reader expects", expected: "\(E.self)")
    }
    return made
  }
}

extension ParameterSpec {
  /// Looks up what `value` names: `"x"`, `{"x", p=2}`, or in a mix a list of those.
  func resolved(_ value: Value, for owner: String, in registry: Registry) throws -> Value {
    guard let kind else {
      throw PareError(.internal, "parameter '\(name)' of \(owner) is an entry of no kind", argument: name)
    }
    switch value {
    case .entry, .mix: return value
    case .string(let word) where choices.contains(word): return value
    case .string(let word): return .entry(try entry(word, [:], kind, owner, registry))
    case .number, .integer:
      guard let word = numberEntry, let first = try registry.find(kind, word).entry.parameters.first else {
        throw refused(value, for: owner)
      }
      return .entry(try entry(word, [first.name: value], kind, owner, registry))
    case .list, .table:
      guard let table = value.asTable, let first = table.items.first else { throw refused(value, for: owner) }
      if case .string(let word) = first {
        guard table.items.count == 1 || isMix else { throw refused(value, for: owner) }
        if table.items.count == 1 {
          let fields = Dictionary(uniqueKeysWithValues: table.fields.map { ($0.key, $0.value) })
          return .entry(try entry(word, fields, kind, owner, registry))
        }
      }
      guard isMix, table.fields.isEmpty else { throw refused(value, for: owner) }
      return .mix(
        try table.items.map { item in
          guard case .entry(let entry) = try resolved(item, for: owner, in: registry) else {
            throw refused(item, for: owner)
          }
          return entry
        })
    default: throw refused(value, for: owner)
    }
  }

  private func entry(
    _ word: String, _ fields: [String: Value], _ kind: ExtensionKind, _ owner: String, _ registry: Registry
  ) throws -> EntryValue {
    var fields = fields
    var weight = 1.0
    do {
      let registration = try registry.find(kind, word)
      // A mix weighs its parts; an entry that declares `weight` itself means something of its own.
      if isMix, registration.entry.parameter("weight") == nil {
        if let given = fields.removeValue(forKey: "weight") {
          guard let number = given.asNumber, number.isFinite else {
            throw PareError(.argument, "the weight of '\(word)'", argument: "weight", expected: "a number", got: given.brief)
          }
          weight = number
        }
        if let other = fields.keys.sorted().first(where: { registration.entry.parameter($0) == nil }) {
          throw Arguments.unknown(other, for: registration.entry, beside: ["weight"])
        }
      }
      return EntryValue(registration, try Arguments(registration.entry, fields, registry: registry), weight: weight)
    } catch let error as PareError where error.code == .notFound {
      var error = error
      error.argument = name
      error.message = "parameter '\(name)' of \(owner): \(error.message)"
      throw error
    }
  }
}
