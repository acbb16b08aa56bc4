import Graph
import OrderedCollections
import Support
import Tensor

extension Value {
  /// The value as the ledger and JSON have it.
  ///
  /// Functions are recorded by source and hash, models and tensors by hash, entries as `name` or `[name, arguments]`.
  public func recorded() throws -> LedgerValue {
    switch self {
    case .null: .null
    case .number(let value): Int(exactly: value).map(LedgerValue.integer) ?? .number(value)
    case .integer(let value): .integer(value)
    case .boolean(let value): .boolean(value)
    case .string(let text): .string(text)
    case .list(let items): .list(try items.map { try $0.recorded() })
    case .table(let table): try table.recorded()
    case .tensor(let tensor):
      .table([
        "tensor": .list(tensor.shape.map(LedgerValue.integer)), "dtype": .string(tensor.dtype.name),
        "crc32c": .integer(Int(try tensor.withBytes { CRC32C.of($0) })),
      ])
    case .model(let model): .table(["model": .string(try model.hash())])
    case .function(let function): .table(["function": .string(function.source), "hash": .string(function.hash)])
    case .entry(let entry): try entry.recorded()
    case .mix(let entries): .list(try entries.map { try $0.recorded() })
    }
  }
}

extension ValueTable {
  /// A table with items as `[item, ..., {fields}]`, one without as its fields.
  func recorded() throws -> LedgerValue {
    let named = LedgerValue.table(
      try Dictionary(uniqueKeysWithValues: fields.map { ($0.key, try $0.value.recorded()) }))
    if items.isEmpty { return named }
    return .list(try items.map { try $0.recorded() } + (fields.isEmpty ? [] : [named]))
  }
}

extension EntryValue {
  func recorded() throws -> LedgerValue {
    let own = try arguments.recorded()
    if case .table(let table) = own, table.isEmpty, weight == 1 { return .string(name) }
    return .list([.string(name), own] + (weight == 1 ? [] : [.number(weight)]))
  }
}

extension Arguments {
  /// All values, defaults included: what the ledger keeps.
  public func recorded() throws -> LedgerValue {
    .table(try Dictionary(uniqueKeysWithValues: values.map { ($0.key, try $0.value.recorded()) }))
  }

  /// The given values as a script writes them: `sparsity=0.5, criterion="taylor"`.
  public var brief: String {
    values.filter { given.contains($0.key) }.map { "\($0.key)=\($0.value.source)" }.joined(separator: ", ")
  }
}

extension Value {
  /// The value as a script writes it, where it can be written: `0.5`, `"sum"`, `{macs=0.5}`, `{"kd", temperature=2}`;
  /// else what it is (`a model`).
  public var source: String {
    switch self {
    case .null: "nil"
    case .string(let text): "\"\(text)\""
    case .list(let items): "{" + items.map(\.source).joined(separator: ", ") + "}"
    case .table(let table):
      "{" + (table.items.map(\.source) + table.fields.map { "\($0.key)=\($0.value.source)" }).joined(separator: ", ") + "}"
    case .entry(let entry): Self.source(of: entry)
    case .mix(let entries):
      entries.count == 1 && entries[0].weight == 1
        ? Self.source(of: entries[0]) : "{" + entries.map(Self.source).joined(separator: ", ") + "}"
    default: brief
    }
  }

  private static func source(of entry: EntryValue) -> String {
    let weight = entry.weight == 1 ? "" : "weight=\(text(of: entry.weight))"
    let given = [entry.arguments.brief, weight].filter { !$0.isEmpty }
    return given.isEmpty ? "\"\(entry.name)\"" : "{" + (["\"\(entry.name)\""] + given).joined(separator: ", ") + "}"
  }
}
