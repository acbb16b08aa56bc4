import Graph
import Support
import Tensor

/// Which normalization a data set is loaded with.
public enum NormalizationChoice: Sendable, Hashable {
  /// The one stored in the model, else the published one, else the one computed from the training part.
  case standard
  /// Pixels are scaled and nothing else.
  case none
  /// The given mean and standard deviation of each channel, after scaling.
  case given(Normalization)
}

extension Normalization {
  /// The published values of the known data sets, for pixels divided by 255.
  static let published: [String: Normalization] = [
    "mnist": Normalization(mean: [0.1307], deviation: [0.3081]),
    "fashion-mnist": Normalization(mean: [0.2860], deviation: [0.3530]),
    "cifar10": Normalization(mean: [0.4914, 0.4822, 0.4465], deviation: [0.2470, 0.2435, 0.2616]),
    "cifar100": Normalization(mean: [0.5071, 0.4865, 0.4409], deviation: [0.2673, 0.2564, 0.2762]),
    "images": Normalization(mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225]),
  ]

  /// Computes mean and standard deviation of each channel; a channel that never varies has deviation 1.
  ///
  /// - Parameters:
  ///   - images: u8 `[N, C, H, W]`.
  ///   - scale: what pixels are divided by.
  static func computed(from images: Tensor, scale: Double) throws -> Normalization {
    let channels = images.shape[1]
    let pixels = images.shape[2] * images.shape[3]
    // Counts of each byte make the sums exact, whatever their order.
    var histogram = [Int](repeating: 0, count: channels * 256)
    try images.contiguous().withBytes { bytes in
      for index in 0..<images.shape[0] {
        for channel in 0..<channels {
          let start = (index * channels + channel) * pixels
          for byte in bytes[start..<start + pixels] { histogram[channel << 8 | Int(byte)] += 1 }
        }
      }
    }
    var result = Normalization(mean: [], deviation: [])
    let count = Double(max(1, images.shape[0] * pixels))
    for channel in 0..<channels {
      let levels = (0..<256).map { (value: Double($0) / scale, count: Double(histogram[channel << 8 | $0])) }
      let mean = levels.reduce(0) { $0 + $1.value * $1.count } / count
      let variance = levels.reduce(0) { $0 + ($1.value - mean) * ($1.value - mean) * $1.count } / count
      result.mean.append(mean)
      result.deviation.append(variance > 0 ? variance.squareRoot() : 1)
    }
    return result
  }

  /// Makes sure that there is one usable pair of numbers for each channel.
  ///
  /// - Throws: `PareError.argument` naming `normalize`.
  func check(channels: Int) throws {
    guard mean.count == channels, deviation.count == channels else {
      throw PareError(
        .argument, "normalization: normalize", argument: "normalize", expected: "mean and std of \(channels) channels",
        got: "\(mean.count) and \(deviation.count)")
    }
    guard mean.allSatisfy(\.isFinite), deviation.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw PareError(
        .argument, "normalization: normalize", argument: "normalize", expected: "finite means and positive standard deviations",
        got: text)
    }
  }

  /// "mean 0.1307, std 0.3081", four decimals.
  var text: String { "mean \(Self.list(mean)), std \(Self.list(deviation))" }

  private static func list(_ values: [Double]) -> String {
    values.map { value in
      guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
      return "\((value * 1e4).rounded() / 1e4)"
    }.joined(separator: " ")
  }
}
