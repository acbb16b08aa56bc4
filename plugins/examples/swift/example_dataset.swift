// A data set: where do samples come from? data.load("example_dataset").
import PareKit

struct ExampleDataset: DatasetSource {
  static let entry = Entry(name: "example_dataset", summary: "Two clouds of points", reference: "own")
  init(_ arguments: Arguments) throws {}

  func open(_ options: DatasetOptions) throws -> Dataset {
    func part(_ role: DataPart.Role, _ count: Int) throws -> DataPart {
      var random = RandomSource(seed: options.seed, name: "example_dataset.\(role.rawValue)")
      var points: [Float] = [], labels: [Int64] = []
      for index in 0..<count {
        let side = index % 2
        labels.append(Int64(side))
        for _ in 0..<2 { points.append(Float(random.uniform() + Double(side))) }
      }
      return try DataPart(role, x: Tensor(points, shape: Shape([count, 2])), y: Tensor(labels))
    }
    return try Dataset(
      name: "example_dataset", train: part(.train, 200), validation: part(.validation, 50), test: part(.test, 50),
      classes: ["left", "right"])
  }
}

let plugin = Plugin(ExampleDataset.self)
