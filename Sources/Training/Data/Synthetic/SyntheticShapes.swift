import Support
import Tensor

/// Images of one to three shapes that may overlap, under noise, and the class of each pixel i64 `[N, H, W]`:
/// 0 background, 1 disc, 2 square, 3 triangle. 3 x 32 x 32 unless said otherwise.
enum SyntheticShapes {
  private static let classes = ["background", "disc", "square", "triangle"]

  static func generate(_ name: String, _ options: DatasetOptions) throws -> RawDataset {
    let sizes = options.shape ?? [3, 32, 32]
    let shape = try Shape(sizes)
    guard shape.rank == 3, shape.count > 0, sizes[1] >= 8, sizes[2] >= 8 else {
      throw PareError(
        .argument, "data set '\(name)'", argument: "shape", expected: "channels, height and width, from 8 pixels", got: "\(sizes)")
    }
    func pool(_ part: (name: String, size: Int)) throws -> RawDataset.Pool {
      var random = RandomSource(seed: options.seed, name: "shapes.\(part.name)")
      let (channels, height, width) = (sizes[0], sizes[1], sizes[2])
      let plane = height * width
      var masks = [Int64](repeating: 0, count: try Shape([part.size, height, width]).count)
      let images = try Tensor(Shape([part.size] + sizes), .u8) { bytes in
        for sample in 0..<part.size {
          try Interrupt.check()
          draw(into: &masks, at: sample * plane, height, width, &random)
          // Each class has a brightness of its own in each channel, anew for each image.
          let tones = (0..<channels * classes.count).map { _ in 32 + random.uniform() * 191 }
          for channel in 0..<channels {
            for pixel in 0..<plane {
              let tone = tones[channel * classes.count + Int(masks[sample * plane + pixel])]
              bytes[(sample * channels + channel) * plane + pixel] = UInt8(tone + (random.uniform() - 0.5) * 60)
            }
          }
        }
      }
      return .images(images, labels: try Tensor(masks, shape: Shape([part.size, height, width])), greatestPixel: 255)
    }
    let parts = SyntheticData.parts(options)
    return RawDataset(name: name, training: try pool(parts[0]), test: try pool(parts[1]), classes: classes)
  }

  private static func draw(
    into masks: inout [Int64], at start: Int, _ height: Int, _ width: Int, _ random: inout RandomSource
  ) {
    for _ in 0..<1 + random.integer(below: 3) {
      let kind = 1 + random.integer(below: 3)
      let reach = (0.12 + 0.16 * random.uniform()) * Double(min(height, width))
      let y = random.uniform() * Double(height), x = random.uniform() * Double(width)
      for row in max(0, Int(y - reach))..<max(0, min(height, Int(y + reach) + 1)) {
        for column in max(0, Int(x - reach))..<max(0, min(width, Int(x + reach) + 1)) {
          let (dy, dx) = (Double(row) - y, Double(column) - x)
          let isInside =
            switch kind {
            case 1: dy * dy + dx * dx <= reach * reach
            case 2: max(abs(dy), abs(dx)) <= reach
            default: abs(dy) <= reach && abs(dx) <= (dy + reach) / 2
            }
          if isInside { masks[start + row * width + column] = Int64(kind) }
        }
      }
    }
  }
}
