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
    values.filter { given.contains($0.key) }.map { "\($0.key)=\($0.value.brief)" }.joined(separator: ", ")
  }
}
