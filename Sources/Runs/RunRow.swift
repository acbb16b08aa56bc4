import Compression
import Graph
import Support

/// A run as the database keeps it.
public struct RunRow: Sendable {
  /// The row's number, from 1.
  public let id: Int
  /// Local time, `2026-01-31 12:00:00`.
  public let started: String
  /// "running", "done", "failed", "interrupted"; "killed" for one whose process is gone.
  public let status: String
  /// Wall-clock seconds; nil unless the run is done.
  public let seconds: Double?
  /// Where the call stands: `file:line`.
  public let script: String
  /// The version of Pare that ran it.
  public let version: String
  /// The steps as a script writes them.
  public let recipe: String
  /// `{name, arguments}` of each step, with the arguments that were given.
  public let steps: LedgerValue
  /// The hash of the model that it started from, and of the one that it made.
  public let model: String
  /// Nil unless the run is done.
  public let result: String?
  /// What the data was loaded with; nil without data.
  public let data: LedgerValue?
  /// The first seed.
  public let seed: UInt64
  /// How many seeds.
  public let runs: Int
  /// The figures of the model it started from, by name (`CompressionResult.figures`); empty unless the run is done.
  public let before: [String: Double]
  /// The figures after the last step, by name; of several seeds their means. Empty unless the run is done.
  public let after: [String: Double]
  /// The error's text; nil unless the run failed or was interrupted.
  public let error: String?
  /// A remark that the user gave.
  public let note: String?

  /// The name of the data set.
  public var dataName: String? {
    if case .table(let table)? = data, case .string(let name)? = table["name"] { return name }
    return nil
  }

  /// The names of the methods.
  public var methods: [String] {
    guard case .list(let items) = steps else { return [] }
    return items.compactMap { item in
      if case .table(let table) = item, case .string(let name)? = table["name"] { return name }
      return nil
    }
  }

  /// The recipe again, from what was recorded.
  ///
  /// - Throws: `unsupported` for a step that was given a function, a model or a tensor, which are recorded by hash only;
  ///   `not_found` for a method that is not registered now.
  public func recipeAgain(registry: Registry = .shared) throws -> Recipe {
    guard case .list(let items) = steps else { throw PareError(.format, "run \(id) has no steps") }
    return Recipe(
      try items.map { item in
        guard case .table(let step) = item, case .string(let name)? = step["name"], case .table(let arguments)? = step["arguments"] else {
          throw PareError(.format, "run \(id): a step is damaged")
        }
        let values = try Dictionary(uniqueKeysWithValues: arguments.map { ($0.key, try Self.value($0.value, "\(name): \($0.key)")) })
        return try Step(name, values, registry: registry)
      })
  }

  private static func value(_ recorded: LedgerValue, _ what: String) throws -> Value {
    switch recorded {
    case .null: return .null
    case .boolean(let value): return .boolean(value)
    case .integer(let value): return .integer(value)
    case .number(let value): return .number(value)
    case .string(let text): return .string(text)
    case .list(let items):
      // An entry with its weight in a mix.
      if items.count == 3, case .string(let name) = items[0], case .table(let fields) = items[1] {
        var values = try named(fields, what)
        values["weight"] = try value(items[2], what)
        return .table(ValueTable(items: [.string(name)], fields: values))
      }
      // `[item, {fields}]` is how a table with both was written.
      if items.count >= 2, case .table(let fields)? = items.last, case .string = items[0] {
        let own = try items.dropLast().map { try value($0, what) }
        return .table(ValueTable(items: own, fields: try named(fields, what)))
      }
      return .list(try items.map { try value($0, what) })
    case .table(let fields):
      for kind in ["function", "model", "tensor"] where fields[kind] != nil && (kind != "function" || fields["hash"] != nil) {
        throw PareError(
          .unsupported, "\(what) was a \(kind), which is recorded by its hash", suggestion: "give the recipe: runs.rerun(id, {recipe={...}})")
      }
      return .table(ValueTable(fields: try named(fields, what)))
    }
  }

  private static func named(_ fields: [String: LedgerValue], _ what: String) throws -> [String: Value] {
    try Dictionary(uniqueKeysWithValues: fields.map { ($0.key, try value($0.value, what)) })
  }
}
