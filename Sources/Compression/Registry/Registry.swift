import Graph
import Support
import Synchronization

/// All extensions, by kind and name, whatever language they are written in.
///
/// `shared` is the program's; tests make their own.
public final class Registry: Sendable {
  /// The program's registry.
  public static let shared = Registry()

  private struct Key: Hashable {
    let kind: ExtensionKind
    let name: String
  }
  private let entries = Mutex<[Key: Registration]>([:])

  /// A registry without entries.
  public init() {}

  /// Adds entries, all or none. An entry that a plugin or a script made is replaced.
  ///
  /// - Throws: `argument` when a built-in's name would be taken or a declaration is faulty; `internal` when two
  ///   built-ins claim one name.
  public func register(_ new: [Registration]) throws {
    for registration in new {
      do {
        _ = try registration.entry.verified()
      } catch let error as PareError {
        throw error.located(method: "\(registration.kind) '\(registration.name)'")
      }
    }
    try entries.withLock { entries in
      var all = entries
      var added: Set<Key> = []
      for registration in new {
        let key = Key(kind: registration.kind, name: registration.name)
        let label = "\(registration.kind) '\(registration.name)'"
        if !added.insert(key).inserted {
          throw PareError(.argument, "\(registration.origin) defines the \(label) twice", argument: registration.name)
        }
        if let old = all[key], old.origin == .builtIn {
          if registration.origin == .builtIn {
            // A family that is registered again (every test target does) is the one that is there.
            if old.family != nil, old.family == registration.family { continue }
            throw PareError(
              .internal, "two built-in families define the \(label)", argument: registration.name,
              got: "\(old.family ?? "no family") and \(registration.family ?? "no family")")
          }
          throw PareError(
            .argument, "the \(label) is built in (\(old.family ?? "core")) and cannot be redefined by \(registration.origin)",
            argument: registration.name, suggestion: "choose another name")
        }
        all[key] = registration
      }
      entries = all
    }
  }

  /// Adds one entry.
  ///
  /// - Throws: what registering several throws.
  public func register(_ registration: Registration) throws { try register([registration]) }

  /// Removes what came from one origin: before its file is loaded again, or when a script's state ends.
  public func removeAll(from origin: Registration.Origin) {
    entries.withLock { entries in entries = entries.filter { $0.value.origin != origin } }
  }

  /// Removes one entry that is not built in.
  public func remove(_ kind: ExtensionKind, _ name: String) {
    entries.withLock { entries in
      let key = Key(kind: kind, name: name)
      if let old = entries[key], old.origin != .builtIn { entries[key] = nil }
    }
  }

  /// Returns the entries of a kind (all kinds when nil), sorted by kind and name.
  public func list(_ kind: ExtensionKind? = nil) -> [Registration] {
    entries.withLock { Array($0.values) }
      .filter { kind == nil || $0.kind == kind }
      .sorted { ($0.kind, $0.name) < ($1.kind, $1.name) }
  }

  /// Returns the entry, nil when nobody registered it.
  public func lookUp(_ kind: ExtensionKind, _ name: String) -> Registration? {
    entries.withLock { $0[Key(kind: kind, name: name)] }
  }

  /// Returns the entry.
  ///
  /// - Throws: `not_found` with the nearest name, or the names that there are; `unsupported` for a published method that
  ///   is not there yet.
  public func find(_ kind: ExtensionKind, _ name: String) throws -> Registration {
    if let found = lookUp(kind, name) { return found }
    if Planned.names[kind]?.contains(name) == true {
      throw PareError(.unsupported, "the \(kind) '\(name)' is not there yet", argument: name)
    }
    let names = list(kind).map(\.name)
    throw PareError(
      .notFound, "no \(kind) is called '\(name)'", argument: name,
      suggestion: Suggestion.didYouMean(name, among: names)
        ?? (names.isEmpty ? "no \(kind) is registered" : "there are \(names.joined(separator: ", "))"))
  }

  /// Makes an extension from arguments that are checked here.
  public func make<E>(_ kind: ExtensionKind, _ name: String, _ values: [String: Value] = [:], as type: E.Type = E.self)
    throws -> E
  {
    let registration = try find(kind, name)
    return try EntryValue(registration, Arguments(registration.entry, values, registry: self)).make(as: type)
  }
}
