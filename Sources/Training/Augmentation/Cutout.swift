import Glibc
import Support
import Tensor

/// Blanks a square of each image, its centre anywhere in the image; what hangs over the edge is cut off.
///
/// - Reference: DeVries and Taylor 2017, "Improved Regularization of Convolutional Neural Networks with Cutout".
public struct Cutout: Augmentation {
  public static let name = "cutout"
  /// Pixels along each side.
  public var size: Int
  public var text: String { "cutout(\(size))" }

  /// A cutout of `size` pixels along each side.
  public init(size: Int = 8) { self.size = size }

  /// Makes sure that the square is not too large for the images.
  ///
  /// - Throws: `PareError.argument` naming `size` unless it is less than twice the shorter side.
  public func check(channels: Int, height: Int, width: Int, classes: Int) throws {
    guard size < 2 * min(height, width) else {
      throw PareError(
        .argument, "train: size of augmentation 'cutout'", argument: "size",
        expected: "less than twice the images' \(min(height, width)) pixels", got: "\(size)")
    }
  }

  /// Sets the square to 0 in all channels, at a place of its own for each image.
  public func applied(to batch: Batch, classes: Int, random: inout RandomSource) throws -> Batch {
    let shape = batch.x.shape
    let (channels, height, width) = (shape[1], shape[2], shape[3])
    return try batch.replacingImages { source, target in
      memcpy(target, source, shape.count * 4)
      for image in 0..<shape[0] {
        let top = random.integer(below: height) - size / 2, left = random.integer(below: width) - size / 2
        let (first, last) = (max(0, left), min(width, left + size))
        for plane in image * channels..<(image + 1) * channels {
          for y in max(0, top)..<min(height, top + size) {
            memset(target + (plane * height + y) * width + first, 0, (last - first) * 4)
          }
        }
      }
    }
  }
}
