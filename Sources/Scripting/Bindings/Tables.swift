import Compression
import Graph
import LuaBridge
import Support
import Tensor
import Training

/// Results as plain Lua tables.
enum Tables {
  static func cost(_ cost: Cost, _ state: LuaState) throws -> LuaValue {
    try Conversion.record(
      state,
      [
        "parameters": .integer(cost.parameters), "nonzeros": .integer(cost.nonzeros), "macs": .integer(cost.macs),
        "bytes": .integer(cost.bytes),
      ])
  }

  static func measurement(_ value: Measurement, _ state: LuaState) throws -> LuaValue {
    try Conversion.record(
      state,
      [
        "accuracy": value.accuracy.map(LuaValue.number), "loss": value.loss.map(LuaValue.number),
        "parameters": .integer(value.parameters), "nonzeros": .integer(value.nonzeros), "macs": .integer(value.macs),
        "bytes": .integer(value.bytes), "median_ms": value.medianMs.map(LuaValue.number),
        "metric": value.metric.map(LuaValue.number),
      ])
  }

  static func ledger(_ entry: LedgerEntry, _ state: LuaState) throws -> LuaValue {
    func figures(_ value: LedgerEntry.Figures?) throws -> LuaValue? {
      guard let value else { return nil }
      return try Conversion.record(
        state,
        [
          "parameters": .integer(value.parameters), "nonzeros": .integer(value.nonzeros), "macs": .integer(value.macs),
          "bytes": .integer(value.bytes), "accuracy": value.accuracy.map(LuaValue.number),
        ])
    }
    return try Conversion.record(
      state,
      [
        "method": .string(entry.method), "arguments": Conversion.lua(entry.arguments, state),
        "seed": .integer(Int(truncatingIfNeeded: entry.seed)), "version": .string(entry.version),
        "parent": .string(entry.parent), "before": figures(entry.before), "after": figures(entry.after),
      ])
  }

  static func group(_ group: ChannelGroup, _ state: LuaState) throws -> LuaValue {
    func couplings(_ list: [Coupling]) throws -> LuaValue {
      .table(try Conversion.list(list, state) { coupling in
        try Conversion.record(
          state,
          [
            "layer": .string(coupling.layer), "parameter": .string(coupling.parameter),
            "axis": .integer(coupling.axis + 1), "role": .string(coupling.role.rawValue),
          ])
      })
    }
    let table = try Conversion.record(
      state,
      [
        "name": .string(group.name), "units": .integer(group.units.count), "layers": Conversion.strings(group.layers, state),
        "producers": couplings(group.producers), "consumers": couplings(group.consumers),
        "carriers": couplings(group.carriers), "blocked": group.blocked.map(LuaValue.string),
      ])
    return try described(table, "\(group)", state)
  }

  static func skips(_ skips: [Skip], _ state: LuaState) throws -> LuaValue {
    .table(try Conversion.list(skips, state) { skip in
      try Conversion.record(state, ["layer": .string(skip.layer), "reason": .string(skip.reason)])
    })
  }

  static func history(_ records: [EpochRecord], _ state: LuaState) throws -> LuaValue {
    .table(try Conversion.list(records, state) { record in
      try Conversion.record(
        state,
        [
          "epoch": .integer(record.epoch), "lr": .number(record.lr), "loss": .number(record.loss),
          "accuracy": record.accuracy.map(LuaValue.number),
          "validation_loss": record.validationLoss.map(LuaValue.number),
          "validation_accuracy": record.validationAccuracy.map(LuaValue.number),
          "skipped": record.skippedSteps > 0 ? .integer(record.skippedSteps) : nil,
        ])
    })
  }

  static func evaluation(_ value: Evaluation, _ state: LuaState) throws -> LuaValue {
    let table = try Conversion.record(
      state,
      [
        "value": .number(value.value), "accuracy": .number(value.accuracy), "top5": .number(value.top5),
        "loss": .number(value.loss), "samples": .integer(value.samples),
        "per_class": .table(Conversion.list(value.perClass, state) { .number($0) }),
        "confusion": .table(Conversion.list(value.confusion, state) { row in
          .table(try Conversion.list(row, state) { .integer($0) })
        }),
      ])
    let text = "accuracy \(Text.percent(value.accuracy)), loss \(Text.short(value.loss)), \(value.samples) samples"
    return try described(table, text, state)
  }

  /// A plain table that prints as `text`.
  static func described(_ value: LuaValue, _ text: String, _ state: LuaState) throws -> LuaValue {
    guard case .table(let table) = value else { return value }
    let metatable = state.table()
    try metatable.set("__tostring") { call in call.push(text); return 1 }
    try table.setMetatable(metatable)
    return value
  }
}

/// Numbers and lines for people.
enum Text {
  static func percent(_ fraction: Double) -> String {
    guard fraction.isFinite else { return "\(fraction)" }
    return "\((fraction * 10_000).rounded() / 100)%"
  }

  static func short(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e9, abs(value) >= 1e-4 || value == 0 else { return "\(value)" }
    return "\((value * 10_000).rounded() / 10_000)"
  }

  /// Rows in aligned columns: the first to the left, numbers to the right.
  /// - Parameter text: columns, beside the first, that are words and not figures, and so stand to the left.
  static func columns(_ rows: [[String]], text: Set<Int> = []) -> String {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        line += column == 0 ? cell + padding : "  " + (text.contains(column) ? cell + padding : padding + cell)
      }
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }

  /// `__concat` of anything that has a text.
  static var concat: LuaBody {
    { call in
      call.push(try call.state.describe(call.value(1)) + call.state.describe(call.value(2)))
      return 1
    }
  }
}

/// Models side by side.
enum Comparison {
  /// A table by position with each model's cost; prints as a table of ratios to the first.
  static func table(_ models: [Model], _ state: LuaState) throws -> LuaValue {
    let costs = try models.map { try (try? $0.cost()) ?? $0.storageCost() }
    let rows = try Conversion.list(costs, state) { try Tables.cost($0, state) }
    let first = costs[0]
    func cell(_ value: Int, _ base: Int) -> String {
      base == value ? value.grouped : "\(value.grouped) (\(Text.short(Double(value) / Double(max(1, base))))x)"
    }
    var lines = [["model", "layers", "parameters", "nonzeros", "macs", "bytes"]]
    for (index, cost) in costs.enumerated() {
      lines.append([
        "\(index + 1)", "\(models[index].nodes.count)", cell(cost.parameters, first.parameters),
        cell(cost.nonzeros, first.nonzeros), cell(cost.macs, first.macs), cell(cost.bytes, first.bytes),
      ])
    }
    return try Tables.described(.table(rows), Text.columns(lines), state)
  }

  /// By how much the parameters of a layer are other numbers: the norm of the differences, relative to the norm before.
  ///
  /// - Returns: nil where shapes or names are not the same, 0 for equal numbers.
  private static func drift(_ x: Layer, _ y: Layer, _ a: Model, _ b: Model) throws -> Double? {
    guard !x.parameterNames.isEmpty, x.parameterNames == y.parameterNames else { return nil }
    var change = 0.0, size = 0.0
    for name in x.parameterNames {
      guard let p = try a.parameters[name]?.value.dense(), let q = try b.parameters[name]?.value.dense(), p.shape == q.shape else { return nil }
      for (old, new) in zip(try p.scalars(), try q.scalars()) {
        change += old == new ? 0 : (new - old) * (new - old)
        size += old * old
      }
    }
    return change == 0 ? 0 : (change / size).squareRoot()
  }

  /// `{added, removed, changed}`: layers by name; changed ones with their rows before and after, and `weights`: by how
  /// much the numbers are others, where the shapes are the same.
  static func diff(_ a: Model, _ b: Model, _ state: LuaState) throws -> LuaValue {
    let before = try a.layers(), after = try b.layers()
    let old = Dictionary(before.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let new = Dictionary(after.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let removed = before.map(\.name).filter { new[$0] == nil }, added = after.map(\.name).filter { old[$0] == nil }
    let changed = state.table()
    var count = 0
    var lines = [["layer", "parameters", "nonzeros", "macs", "bytes", "weights", "representation"]]
    lines += removed.map { ["- " + $0] } + added.map { ["+ " + $0] }
    for name in before.map(\.name) {
      guard let x = old[name], let y = new[name] else { continue }
      let values = try x.parameterNames.contains { parameter in
        guard let p = a.parameters[parameter], let q = b.parameters[parameter] else { return true }
        return try p.shape != q.shape || !TensorMethods.same(p.value.dense(), q.value.dense())
      }
      guard values || x.op != y.op || x.parameterNames != y.parameterNames || x.shape != y.shape
        || x.representation != y.representation
      else { continue }
      let drift = try drift(x, y, a, b)
      func arrow(_ p: Int, _ q: Int) -> String { p == q ? p.grouped : "\(p.grouped) -> \(q.grouped)" }
      lines.append([
        name, arrow(x.parameters, y.parameters), arrow(x.nonzeros, y.nonzeros), arrow(x.macs, y.macs),
        arrow(x.bytes, y.bytes), drift.map { $0 == 0 ? "same" : $0.isFinite ? "by \(Figures.short($0 * 100))%" : "changed" } ?? "-",
        x.representation == y.representation ? x.representation : "\(x.representation) -> \(y.representation)",
      ])
      func figures(_ layer: Layer) throws -> LuaValue {
        try Conversion.record(
          state,
          [
            "parameters": .integer(layer.parameters), "nonzeros": .integer(layer.nonzeros), "macs": .integer(layer.macs),
            "bytes": .integer(layer.bytes), "representation": .string(layer.representation),
          ])
      }
      count += 1
      try changed.set(
        count, Conversion.record(
          state, ["layer": .string(name), "before": figures(x), "after": figures(y), "weights": drift.map(LuaValue.number)]))
    }
    let text = lines.count == 1 ? "no difference" : Text.columns(lines)
    return try Tables.described(
      Conversion.record(
        state,
        [
          "added": Conversion.strings(added, state), "removed": Conversion.strings(removed, state), "changed": .table(changed),
        ]), text, state)
  }
}
