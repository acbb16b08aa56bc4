import Support
import Tensor

/// Changes to training images that leave their class what it is.
enum Augmentation {
  static let names = ["flip", "crop"]
  static func check(_ wanted: [String]) throws {
    for name in wanted where !names.contains(name) {
      throw PareError(
        .unsupported, "train: no augmentation '\(name)'", argument: "augment", expected: names.joined(separator: ", "),
        got: name, suggestion: Suggestion.didYouMean(name, among: names))
    }
  }

  /// Returns the batch with each image changed on its own; what is drawn depends on `seed` and `step` alone.
  ///
  /// A crop shifts an image by up to an eighth of its height in each direction.
  ///
  /// - Parameter batch: `x` is f32 `[N, C, H, W]`. What a shift uncovers is 0, the mean of normalized images.
  static func applied(_ wanted: [String], to batch: Batch, seed: UInt64, step: Int) throws -> Batch {
    guard !wanted.isEmpty else { return batch }
    guard batch.x.rank == 4, batch.x.dtype == .f32 else {
      throw PareError(
        .shape, "train: augmentation", argument: "augment", expected: "f32 images [N, C, H, W]",
        got: "\(batch.x.dtype.rawValue) \(batch.x.shape.dimensions)")
    }
    let (images, channels, height, width) = (batch.x.shape[0], batch.x.shape[1], batch.x.shape[2], batch.x.shape[3])
    // As is usual: 4 pixels of 32, 28 of 224, and at least one.
    let reach = max(1, height / 8)
    var random = RandomSource(seed: seed, name: "augment.\(step)")
    let source = try batch.x.values(as: Float.self)
    var values = [Float](repeating: 0, count: source.count)
    for image in 0..<images {
      let isFlipped = wanted.contains("flip") && random.uniform() < 0.5
      let isShifted = wanted.contains("crop")
      let down = isShifted ? random.integer(below: 2 * reach + 1) - reach : 0
      let right = isShifted ? random.integer(below: 2 * reach + 1) - reach : 0
      for plane in image * channels..<(image + 1) * channels {
        for y in max(0, down)..<max(max(0, down), min(height, height + down)) {
          let (to, from) = ((plane * height + y) * width, (plane * height + y - down) * width)
          for x in max(0, right)..<max(max(0, right), min(width, width + right)) {
            values[to + x] = source[from + (isFlipped ? width - 1 - (x - right) : x - right)]
          }
        }
      }
    }
    return Batch(x: try Tensor(values, shape: batch.x.shape), y: batch.y)
  }
}
