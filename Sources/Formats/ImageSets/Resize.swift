import Support

extension DecodedImage {
  /// Writes the image at another size into three planes of bytes.
  ///
  /// Bilinear, with a filter as wide as the step when it shrinks, so that no pixel is passed over (Pillow's
  /// `Image.resize` with `BILINEAR`): rows first, then columns, in f32, rounded once at the end.
  /// - Parameter planes: room for `3 * height * width` bytes, red plane first.
  func resized(height: Int, width: Int, into planes: UnsafeMutablePointer<UInt8>) {
    let across = Filter(from: self.width, to: width), down = Filter(from: self.height, to: height)
    // Rows of the source at the new width.
    let narrow = [Float](unsafeUninitializedCapacity: self.height * width * 3) { out, filled in
      for y in 0..<self.height {
        for x in 0..<width {
          var (red, green, blue) = (Float(0), Float(0), Float(0))
          for tap in 0..<across.count[x] {
            let weight = across.weights[x * across.taps + tap]
            let pixel = (y * self.width + across.first[x] + tap) * 3
            red += weight * Float(pixels[pixel])
            green += weight * Float(pixels[pixel + 1])
            blue += weight * Float(pixels[pixel + 2])
          }
          let place = (y * width + x) * 3
          (out[place], out[place + 1], out[place + 2]) = (red, green, blue)
        }
      }
      filled = self.height * width * 3
    }
    for y in 0..<height {
      for x in 0..<width {
        for channel in 0..<3 {
          var sum: Float = 0
          for tap in 0..<down.count[y] {
            sum += down.weights[y * down.taps + tap] * narrow[((down.first[y] + tap) * width + x) * 3 + channel]
          }
          planes[(channel * height + y) * width + x] = UInt8(max(0, min(255, (sum + 0.5).rounded(.down))))
        }
      }
    }
  }

  /// Which source positions make each position along one axis, and with what weights.
  private struct Filter {
    var first: [Int] = []
    var count: [Int] = []
    var weights: [Float] = []
    /// Room for weights of each position.
    let taps: Int

    init(from source: Int, to target: Int) {
      let step = Double(source) / Double(target)
      let support = max(1, step)
      taps = Int(support.rounded(.up)) * 2 + 1
      for position in 0..<target {
        let centre = (Double(position) + 0.5) * step
        let low = max(0, Int(centre - support + 0.5)), high = min(source, Int(centre + support + 0.5))
        var own = (low..<max(high, low + 1)).map { max(0, 1 - abs((Double($0) - centre + 0.5) / support)) }
        let sum = own.reduce(0, +)
        own = sum > 0 ? own.map { $0 / sum } : own.indices.map { $0 == 0 ? 1 : 0 }
        first.append(min(low, source - 1))
        count.append(own.count)
        weights += own.map { Float($0) } + [Float](repeating: 0, count: max(0, taps - own.count))
      }
    }
  }
}
