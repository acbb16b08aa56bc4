// A rank: how many components? lowrank{rank={"example_rank", share=0.5}}.
import PareKit

struct ExampleRank: RankSelector {
  static let entry = Entry(
    name: "example_rank", summary: "A share of the full rank", reference: "own",
    parameters: [.number("share", default: 0.25, in: 0...1, doc: "Of the number of singular values")])
  let share: Double
  init(_ arguments: Arguments) throws { share = try arguments.number("share") }

  // In 1...spectrum.count; the spectrum is descending.
  func choose(_ layer: LayerView, spectrum: [Double]) throws -> Int { max(1, Int(Double(spectrum.count) * share)) }
}

let plugin = Plugin(ExampleRank.self)
