import ArgumentParser
import Compression
import Formats
import Graph

/// `pare inspect`: what is in a model file.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Shows layers, sizes, representations and the ledger of a model.",
    discussion: "Example: pare inspect net.onnx --groups")

  @Argument(help: "A model: .onnx or .pare.") var model: String
  @Flag(help: "Shows the channel groups: what a structural cut would take together.") var groups = false
  @Flag(help: "Prints one JSON document.") var json = false
  @OptionGroup var shape: ShapeOption
  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.apply()
    let loaded = try ModelFile.load(model, shapes: shape.parsed())
    let layers = try loaded.layers()
    let cost = try loaded.cost()
    if json {
      try JSON.print(
        Report(
          parameters: cost.parameters, nonzeros: cost.nonzeros, macs: cost.macs, bytes: cost.bytes,
          layers: layers.map {
            .init(
              name: $0.name, op: $0.op, parameters: $0.parameters, nonzeros: $0.nonzeros, macs: $0.macs,
              bytes: $0.bytes, representation: $0.representation, shape: $0.shape.map(\.description),
              origin: $0.origin)
          },
          groups: groups ? try loaded.groups().map(\.description) : nil,
          ledger: loaded.ledger))
      return
    }
    print(try loaded.summary())
    if !loaded.ledger.isEmpty {
      print("\nledger")
      for (index, entry) in loaded.ledger.enumerated() { print("  \(index + 1). \(Self.line(entry))") }
    }
    if groups {
      print("\nchannel groups")
      for group in try loaded.groups() { print("  \(group)") }
    }
  }

  /// One line of the ledger: what ran, on which seed, and what it changed.
  private static func line(_ entry: LedgerEntry) -> String {
    var text = "\(entry.method) \(entry.arguments.json) seed \(entry.seed)"
    guard let before = entry.before, let after = entry.after else { return text }
    text += ", bytes \(Format.count(before.bytes)) -> \(Format.count(after.bytes))"
    if let a = before.accuracy, let b = after.accuracy {
      text += ", accuracy \(Format.decimal(a * 100, 2)) -> \(Format.decimal(b * 100, 2)) %"
    }
    return text
  }

  private struct Report: Encodable {
    struct Layer: Encodable {
      let name, op: String
      let parameters, nonzeros, macs, bytes: Int
      let representation: String
      let shape: [String]
      let origin: String?
    }
    let parameters, nonzeros, macs, bytes: Int
    let layers: [Layer]
    let groups: [String]?
    let ledger: [LedgerEntry]
  }
}
