import Graph

extension LedgerValue {
  /// One line of JSON; keys sorted, numbers in their shortest exact form, so that equal values give equal bytes.
  package var json: String {
    var text = ""
    write(to: &text, indent: nil)
    return text
  }

  /// JSON over several lines, two spaces per level.
  package var prettyJSON: String {
    var text = ""
    write(to: &text, indent: 0)
    return text
  }

  private func write(to text: inout String, indent: Int?) {
    switch self {
    case .null: text += "null"
    case .boolean(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    // JSON has no infinities; a number that is none is left out of the record as null.
    case .number(let value): text += value.isFinite ? Value.text(of: value) : "null"
    case .string(let value): Self.write(value, to: &text)
    case .list(let values):
      Self.write(values.map { (nil, $0) }, "[", "]", to: &text, indent)
    case .table(let values):
      Self.write(values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, "{", "}", to: &text, indent)
    }
  }

  private static func write(
    _ values: [(String?, LedgerValue)], _ open: String, _ close: String, to text: inout String, _ indent: Int?
  ) {
    text += open
    for (index, (key, value)) in values.enumerated() {
      if index > 0 { text += "," }
      if let indent { text += "\n" + String(repeating: " ", count: indent + 2) }
      if let key {
        write(key, to: &text)
        text += indent == nil ? ":" : ": "
      }
      value.write(to: &text, indent: indent.map { $0 + 2 })
    }
    if let indent, !values.isEmpty { text += "\n" + String(repeating: " ", count: indent) }
    text += close
  }

  private static func write(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\t": text += "\\t"
      case "\r": text += "\\r"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }

  init(_ value: Double?) { self = value.map(LedgerValue.number) ?? .null }
}

extension Measurement {
  /// The figures by name, as results in scripts have them.
  package var recorded: LedgerValue {
    var table: [String: LedgerValue] = [
      "accuracy": LedgerValue(accuracy), "loss": LedgerValue(loss), "parameters": .integer(parameters),
      "nonzeros": .integer(nonzeros), "macs": .integer(macs), "bytes": .integer(bytes), "median_ms": LedgerValue(medianMs),
    ]
    if let metric { table["metric"] = .number(metric) }
    return .table(table)
  }
}

extension StepResult {
  package var recorded: LedgerValue {
    .table([
      "name": .string(name), "arguments": arguments, "before": before.recorded, "after": after.recorded,
      "layers": .list(layers.map(\.recorded)),
      "skipped": .list(skipped.map { .table(["layer": .string($0.layer), "reason": .string($0.reason)]) }),
      "log": .list(log.map(LedgerValue.string)), "seconds": .number(seconds),
    ])
  }
}

extension StepResult.Layer {
  package var recorded: LedgerValue {
    .table([
      "name": .string(name), "op": .string(op), "error_db": LedgerValue(errorDb),
      "shrunk_difference": LedgerValue(shrunkDifference), "bytes_before": .integer(bytesBefore),
      "bytes_after": .integer(bytesAfter), "macs_before": .integer(macsBefore), "macs_after": .integer(macsAfter),
      "representation": .string(representation),
    ])
  }
}

extension LedgerEntry {
  /// The entry as reports show it.
  package var recorded: LedgerValue {
    func figures(_ figures: Figures?) -> LedgerValue {
      guard let figures else { return .null }
      return .table([
        "parameters": .integer(figures.parameters), "nonzeros": .integer(figures.nonzeros), "macs": .integer(figures.macs),
        "bytes": .integer(figures.bytes), "accuracy": LedgerValue(figures.accuracy),
      ])
    }
    return .table([
      "method": .string(method), "arguments": arguments, "seed": .integer(Int(truncatingIfNeeded: seed)),
      "version": .string(version), "parent": .string(parent), "before": figures(before), "after": figures(after),
    ])
  }
}

extension CompressionResult {
  /// The whole result as a value: what `json()` writes.
  package var recorded: LedgerValue {
    var table: [String: LedgerValue] = [
      "seed": .integer(Int(truncatingIfNeeded: seed)), "seconds": .number(seconds), "before": before.recorded,
      "after": after.recorded, "steps": .list(steps.map(\.recorded)), "ledger": .list(model.ledger.map(\.recorded)),
    ]
    if !runs.isEmpty {
      table["runs"] = .list(runs.map(\.recorded))
      table["spread"] = .table(
        Dictionary(uniqueKeysWithValues: knownFigures.compactMap { name in
          spread(of: name).map {
            (name, LedgerValue.table(["mean": .number($0.mean), "std": .number($0.deviation), "interval": .number($0.interval)]))
          }
        }))
    }
    return .table(table)
  }

  /// Everything but the models, as JSON.
  public var json: String { recorded.prettyJSON + "\n" }
}
