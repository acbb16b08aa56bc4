import Support
import Tensor

/// Images for trying things out: each class is a fixed random pattern, seen under noise. 1 x 8 x 8 and ten classes
/// unless said otherwise.
enum SyntheticImages {
  static func generate(_ name: String, _ options: DatasetOptions) throws -> RawDataset {
    let sizes = options.shape ?? [1, 8, 8], classes = options.classes ?? 10
    let shape = try Shape(sizes)
    guard shape.rank == 3, shape.count > 0 else {
      throw PareError(
        .argument, "data set '\(name)'", argument: "shape", expected: "channels, height and width", got: "\(sizes)")
    }
    // Checks the products before memory is asked for.
    _ = try Shape([options.size] + sizes)
    _ = try Shape([classes] + sizes)
    var random = RandomSource(seed: options.seed, name: "synthetic.patterns")
    let patterns = (0..<classes * shape.count).map { _ in 64 + random.uniform() * 128 }
    func pool(_ part: (name: String, size: Int)) throws -> RawDataset.Pool {
      var random = RandomSource(seed: options.seed, name: "synthetic.\(part.name)")
      var pixels: [UInt8] = []
      pixels.reserveCapacity(part.size * shape.count)
      // Classes take turns, so that every part has all of them in equal numbers.
      let labels = (0..<part.size).map { $0 % classes }
      for label in labels {
        try Interrupt.check()
        for element in 0..<shape.count {
          pixels.append(UInt8(patterns[label * shape.count + element] + (random.uniform() - 0.5) * 127))
        }
      }
      return .images(
        try Tensor(pixels, shape: Shape([part.size] + sizes)),
        labels: try Tensor(labels.map(Int64.init), shape: Shape([part.size])), greatestPixel: 255)
    }
    let parts = SyntheticData.parts(options)
    return RawDataset(
      name: name, training: try pool(parts[0]), test: try pool(parts[1]), classes: (0..<classes).map(String.init))
  }
}
