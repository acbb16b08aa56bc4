import Glibc
import Support
import Tensor

/// Pads each image on all sides and cuts one of its own size out at a random place.
///
/// What comes from the padding is 0, the mean of normalized images.
public struct Crop: Augmentation {
  public static let name = "crop"
  /// Pixels on each side; nil: an eighth of the height, as is usual (4 of 32, 28 of 224), and at least one.
  public var pad: Int?
  public var text: String { pad.map { "crop(\($0))" } ?? name }

  /// A crop; nil takes an eighth of the height.
  public init(pad: Int? = nil) { self.pad = pad }

  /// Draws a shift down and one to the right for each image, from `-pad` to `pad` pixels each.
  public func applied(to batch: Batch, classes: Int, random: inout RandomSource) throws -> Batch {
    let shape = batch.x.shape
    let (channels, height, width) = (shape[1], shape[2], shape[3])
    let pad = pad ?? max(1, height / 8)
    return try batch.replacingImages { source, target in
      for image in 0..<shape[0] {
        // Row y of the result is row y + down of the image, where there is one.
        let down = random.integer(below: 2 * pad + 1) - pad
        let right = random.integer(below: 2 * pad + 1) - pad
        let (first, last) = (max(0, -right), min(width, width - right))
        for plane in image * channels..<(image + 1) * channels {
          let (from, to) = (source + plane * height * width, target + plane * height * width)
          for y in 0..<height {
            let row = to + y * width
            guard first < last, y + down >= 0, y + down < height else {
              memset(row, 0, width * 4)
              continue
            }
            if first > 0 { memset(row, 0, first * 4) }
            memcpy(row + first, from + (y + down) * width + first + right, (last - first) * 4)
            if last < width { memset(row + last, 0, (width - last) * 4) }
          }
        }
      }
    }
  }
}
