import Glibc
import Support
import Tensor

/// Mixes each image with another one of the batch: `λ x_i + (1 - λ) x_j`, and their classes likewise.
///
/// One λ is drawn for each batch from Beta(alpha, alpha). The classes become shares, `Batch.shares`; `Batch.y` stays the
/// class of the larger share.
///
/// - Reference: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization", equations 1 and 2.
public struct Mixup: Augmentation {
  public static let name = "mixup"
  /// Both parameters of the Beta distribution, above 0; the smaller, the closer λ is to 0 or 1.
  public var alpha: Double
  public var text: String { "mixup(\(alpha))" }

  /// Mixing with λ from Beta(alpha, alpha).
  public init(alpha: Double = 0.2) { self.alpha = alpha }

  /// Makes sure that there are classes to mix.
  ///
  /// - Throws: `PareError.argument` naming `augment` for fewer than two classes.
  public func check(channels: Int, height: Int, width: Int, classes: Int) throws {
    guard classes > 1 else {
      throw PareError(
        .argument, "train: augmentation 'mixup' mixes classes", argument: "augment", expected: "data with named classes",
        got: "\(classes) classes")
    }
  }

  /// Pairs the images by a random permutation of the batch; some may meet themselves.
  ///
  /// - Throws: `PareError.shape` for targets that are not one for each sample, `.argument` for one that is no class.
  public func applied(to batch: Batch, classes: Int, random: inout RandomSource) throws -> Batch {
    let count = batch.count
    let labels = try batch.labels().values(as: Int64.self).map(Int.init)
    if let (sample, label) = labels.enumerated().first(where: { !(0..<classes).contains($0.element) }) {
      throw PareError(
        .argument, "label of sample \(sample)", argument: "y", expected: "0..<\(classes)", got: "\(label)")
    }
    let lambda = Self.beta(alpha, &random)
    let partners = Array(0..<count).shuffled(using: &random)
    let (own, other) = (Float(lambda), Float(1 - lambda))
    let size = batch.x.count / max(1, count)
    var result = try batch.replacingImages { source, target in
      for (image, partner) in partners.enumerated() {
        let (a, b, to) = (source + image * size, source + partner * size, target + image * size)
        for element in 0..<size { to[element] = own * a[element] + other * b[element] }
      }
    }
    result.shares = try Tensor(Shape([count, classes]), .f32) { bytes in
      for index in bytes.indices { bytes[index] = 0 }
      let shares = bytes.bindMemory(to: Float.self)
      for (image, partner) in partners.enumerated() {
        shares[image * classes + labels[image]] += own
        shares[image * classes + labels[partner]] += other
      }
    }
    let greater = partners.enumerated().map { Int64(labels[own >= other ? $0.offset : $0.element]) }
    result.y = try Tensor(greater, shape: Shape([count]))
    return result
  }

  /// A number of Beta(a, a): Jöhnk's method up to 1 (1964), else by two gammas after Marsaglia and Tsang (2000).
  static func beta(_ a: Double, _ random: inout RandomSource) -> Double {
    guard a > 1 else {
      // In logarithms, because u^(1/a) underflows for a small a.
      while true {
        let x = log(1 - random.uniform()) / a, y = log(1 - random.uniform()) / a
        let most = max(x, y)
        let sum = most + log(exp(x - most) + exp(y - most))
        let (u, v) = (exp(x), exp(y))
        if u + v <= 1 { return exp(x - sum) }
      }
    }
    let (x, y) = (gamma(a, &random), gamma(a, &random))
    return x / (x + y)
  }

  private static func gamma(_ a: Double, _ random: inout RandomSource) -> Double {
    let d = a - 1.0 / 3, c = 1 / (9 * d).squareRoot()
    while true {
      let u = 1 - random.uniform(), angle = 2 * Double.pi * random.uniform()
      let normal = (-2 * log(u)).squareRoot() * cos(angle)
      let v = 1 + c * normal
      guard v > 0 else { continue }
      let cube = v * v * v
      if log(1 - random.uniform()) < 0.5 * normal * normal + d - d * cube + d * log(cube) { return d * cube }
    }
  }
}
