import Glibc
import Support
import Tensor

/// Mirrors half of the images, left to right.
public struct Flip: Augmentation {
  public static let name = "flip"
  public var text: String { name }

  /// It has no parameters.
  public init() {}

  /// Draws for each image with equal chances whether it is mirrored.
  public func applied(to batch: Batch, classes: Int, random: inout RandomSource) throws -> Batch {
    let shape = batch.x.shape
    let (rows, width) = (shape[1] * shape[2], shape[3])
    return try batch.replacingImages { source, target in
      for image in 0..<shape[0] {
        let isFlipped = random.uniform() < 0.5
        let start = image * rows * width
        guard isFlipped else {
          memcpy(target + start, source + start, rows * width * 4)
          continue
        }
        for row in 0..<rows {
          let (from, to) = (source + start + row * width, target + start + row * width)
          for column in 0..<width { to[column] = from[width - 1 - column] }
        }
      }
    }
  }
}
