import FoundationEssentials
import Formats
import Graph
import Support
import Training

/// Results in files, for the prompt's workspace and for journals: JSON that reads back as what was written.
extension LedgerValue {
  /// Reads JSON.
  ///
  /// - Throws: `format`, naming `what`.
  package init(json text: String, _ what: String) throws {
    do { self = try JSONDecoder().decode(LedgerValue.self, from: Data(text.utf8)) } catch {
      throw PareError(.format, "\(what) is damaged: no JSON")
    }
  }
}

/// The fields of a table that was read.
struct Fields {
  private let fields: [String: LedgerValue]
  private let what: String

  init(_ value: LedgerValue?, _ what: String) throws {
    guard case .table(let fields)? = value else { throw PareError(.format, "\(what) is damaged: no table") }
    self.fields = fields
    self.what = what
  }

  subscript(_ name: String) -> LedgerValue { fields[name] ?? .null }

  func optionalNumber(_ name: String) -> Double? {
    switch self[name] {
    case .number(let value): value
    case .integer(let value): Double(value)
    default: nil
    }
  }

  func number(_ name: String) throws -> Double { try known(optionalNumber(name), name) }
  func integer(_ name: String) throws -> Int { try known(Int(exactly: number(name)), name) }
  func optionalString(_ name: String) -> String? { if case .string(let text) = self[name] { text } else { nil } }
  func string(_ name: String) throws -> String { try known(optionalString(name), name) }
  func list(_ name: String) throws -> [LedgerValue] {
    if case .list(let items) = self[name] { return items }
    throw PareError(.format, "\(what) is damaged: no list '\(name)'")
  }

  private func known<T>(_ value: T?, _ name: String) throws -> T {
    if let value { return value }
    throw PareError(.format, "\(what) is damaged: no '\(name)'")
  }
}

extension Measurement {
  init(_ fields: Fields) throws {
    self.init(
      Cost(
        parameters: try fields.integer("parameters"), nonzeros: try fields.integer("nonzeros"), macs: try fields.integer("macs"),
        bytes: try fields.integer("bytes")),
      accuracy: fields.optionalNumber("accuracy"), loss: fields.optionalNumber("loss"), medianMs: fields.optionalNumber("median_ms"))
    metric = fields.optionalNumber("metric")
  }
}

extension EpochRecord {
  fileprivate var archived: LedgerValue {
    func value(_ number: Double?) -> LedgerValue { number.map(LedgerValue.number) ?? .null }
    return .table([
      "epoch": .integer(epoch), "lr": .number(lr), "loss": .number(loss), "accuracy": value(accuracy),
      "validation_loss": value(validationLoss), "validation_accuracy": value(validationAccuracy), "skipped": .integer(skippedSteps),
    ])
  }

  fileprivate init(_ fields: Fields) throws {
    self.init(
      epoch: try fields.integer("epoch"), lr: try fields.number("lr"), loss: fields.optionalNumber("loss") ?? .nan,
      accuracy: fields.optionalNumber("accuracy"), validationLoss: fields.optionalNumber("validation_loss"),
      validationAccuracy: fields.optionalNumber("validation_accuracy"), skippedSteps: try fields.integer("skipped"))
  }
}

extension StepResult {
  /// Everything but the front, whose models are many.
  var archived: LedgerValue {
    guard case .table(var fields) = recorded else { return recorded }
    fields["text"] = .string(text)
    fields["history"] = .list(history.map(\.archived))
    return .table(fields)
  }

  init(archived value: LedgerValue) throws {
    let what = "a step's record"
    let fields = try Fields(value, what)
    let layers = try fields.list("layers").map { item in
      let layer = try Fields(item, what)
      return Layer(
        name: try layer.string("name"), op: try layer.string("op"), errorDb: layer.optionalNumber("error_db"),
        shrunkDifference: layer.optionalNumber("shrunk_difference"), bytesBefore: try layer.integer("bytes_before"),
        bytesAfter: try layer.integer("bytes_after"), macsBefore: try layer.integer("macs_before"),
        macsAfter: try layer.integer("macs_after"), representation: try layer.string("representation"))
    }
    self.init(
      name: try fields.string("name"), text: try fields.string("text"), arguments: fields["arguments"],
      before: try Measurement(Fields(fields["before"], what)), after: try Measurement(Fields(fields["after"], what)), layers: layers,
      skipped: try fields.list("skipped").map { item in
        let skip = try Fields(item, what)
        return Skip(layer: try skip.string("layer"), reason: try skip.string("reason"))
      },
      log: try fields.list("log").compactMap { if case .string(let line) = $0 { line } else { nil } },
      history: try fields.list("history").map { try EpochRecord(Fields($0, what)) }, front: nil, shrunk: [],
      seconds: try fields.number("seconds"))
  }
}

extension CompressionResult {
  /// Writes the result into a folder: both models and what was measured. Runs of other seeds and fronts stay out.
  ///
  /// The file that says that the folder is whole comes last.
  package func archive(in folder: String) throws {
    try Folders.make(folder)
    try PareFile.save(baseline, to: folder + "/baseline.pare")
    try PareFile.save(model, to: folder + "/model.pare")
    let value = LedgerValue.table([
      "before": before.recorded, "after": after.recorded, "steps": .list(steps.map(\.archived)), "seed": .string("\(seed)"),
      "seconds": .number(seconds), "classes": .list(classes.map(LedgerValue.string)), "data": dataName.map(LedgerValue.string) ?? .null,
    ])
    try AtomicFile.write(value.prettyJSON, to: folder + "/result.json")
  }

  /// Reads a folder that `archive` wrote.
  ///
  /// - Throws: `format` for a damaged one, `not_found`.
  package init(archive folder: String) throws {
    let what = "'\(folder)/result.json'"
    let fields = try Fields(LedgerValue(json: Folders.text(folder + "/result.json"), what), what)
    self.init(
      model: try PareFile.load(folder + "/model.pare"), baseline: try PareFile.load(folder + "/baseline.pare"),
      before: try Measurement(Fields(fields["before"], what)), after: try Measurement(Fields(fields["after"], what)),
      steps: try fields.list("steps").map(StepResult.init(archived:)), seed: UInt64(try fields.string("seed")) ?? 0,
      seconds: try fields.number("seconds"), evaluation: nil,
      classes: try fields.list("classes").compactMap { if case .string(let name) = $0 { name } else { nil } },
      dataName: fields.optionalString("data"), runs: [])
  }
}
