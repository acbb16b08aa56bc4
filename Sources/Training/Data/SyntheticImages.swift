import Support
import Tensor

/// Images for trying things out: each class is a fixed random pattern, seen under noise.
enum SyntheticImages {
  /// Generates `options.size` training images and a fifth of that for the test part; the same for the same options.
  static func generate(_ name: String, _ options: DatasetOptions) throws -> RawDataset {
    let shape = try Shape(options.shape)
    guard shape.rank == 3, shape.count > 0 else {
      throw PareError(
        .argument, "data set '\(name)'", argument: "shape", expected: "channels, height and width", got: "\(options.shape)")
    }
    guard options.classes > 0, options.classes <= 1 << 16 else {
      throw PareError(
        .argument, "data set '\(name)'", argument: "classes", expected: "1 to \(1 << 16)", got: "\(options.classes)")
    }
    guard options.size > 0 else {
      throw PareError(.argument, "data set '\(name)'", argument: "size", expected: "at least 1", got: "\(options.size)")
    }
    // Checks the products before memory is asked for.
    _ = try Shape([options.size] + options.shape)
    _ = try Shape([options.classes] + options.shape)
    var random = RandomSource(seed: options.seed, name: "synthetic.patterns")
    let patterns = (0..<options.classes * shape.count).map { _ in 64 + random.uniform() * 128 }
    func pool(_ part: String, _ size: Int) throws -> RawDataset.Pool {
      var random = RandomSource(seed: options.seed, name: "synthetic.\(part)")
      var pixels: [UInt8] = []
      pixels.reserveCapacity(size * shape.count)
      // Classes take turns, so that every part has all of them in equal numbers.
      let labels = (0..<size).map { $0 % options.classes }
      for label in labels {
        for element in 0..<shape.count {
          pixels.append(UInt8(patterns[label * shape.count + element] + (random.uniform() - 0.5) * 127))
        }
      }
      return .images(
        try Tensor(pixels, shape: Shape([size] + options.shape)),
        labels: try Tensor(labels.map(Int64.init), shape: Shape([size])), greatestPixel: 255)
    }
    return RawDataset(
      name: name, training: try pool("train", options.size), test: try pool("test", max(1, options.size / 5)),
      classes: (0..<options.classes).map(String.init))
  }
}
