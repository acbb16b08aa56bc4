import ArgumentParser
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
  @OptionGroup var options: GlobalOptions

  func run() throws {
    try options.apply()
    let loaded = try ModelFile.load(model)
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
      for (index, entry) in loaded.ledger.enumerated() { print("  \(index + 1). \(entry)") }
    }
    if groups {
      print("\nchannel groups")
      for group in try loaded.groups() { print("  \(group)") }
    }
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
