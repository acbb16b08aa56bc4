// A schedule: how much of the final sparsity holds at which step? prune{schedule="example_schedule", ...}.
import PareKit

struct ExampleSchedule: SparsitySchedule {
  static let entry = Entry(
    name: "example_schedule", summary: "Slow at first, fast at the end", reference: "own",
    parameters: [.number("power", default: 2, in: 0.1...10, doc: "1 is a straight line")])
  let power: Double
  init(_ arguments: Arguments) throws { power = try arguments.number("power") }

  // `step` runs from 0 to `total`; both ends are asked. Returns a share in 0...1.
  func value(step: Int, total: Int) throws -> Double {
    var share = Double(step) / Double(max(1, total)), result = share
    for _ in 1..<max(1, Int(power.rounded())) { result *= share }
    share = result
    return share
  }
}

let plugin = Plugin(ExampleSchedule.self)
