import Support
import Tensor

/// A change to training images that leaves what they show recognisable.
///
/// A transform is a value; what it draws depends on the seed and the batch's number alone, from a stream of its own, so
/// that adding one transform does not change what the others do.
public protocol Augmentation: Sendable {
  /// The name in scripts.
  static var name: String { get }
  /// Name and values of the parameters: what a checkpoint must agree on.
  var text: String { get }
  /// Makes sure that the transform fits images of these sizes and this many classes.
  ///
  /// - Throws: `PareError.argument` naming `augment`.
  func check(channels: Int, height: Int, width: Int, classes: Int) throws
  /// Returns the batch with its images changed.
  ///
  /// - Parameter batch: `x` is f32 `[N, C, H, W]`, row-major, and stays as it is.
  func applied(to batch: Batch, classes: Int, random: inout RandomSource) throws -> Batch
}

extension Augmentation {
  /// The name of the type, for a value.
  public var name: String { Self.name }
  /// By default a transform fits all images.
  public func check(channels: Int, height: Int, width: Int, classes: Int) throws {}
}

/// The transforms by name.
public enum Augmentations {
  /// The names, in the order in which help lists them.
  public static let names = [Flip.name, Crop.name, Cutout.name, Mixup.name]

  /// Creates a transform by name with its own defaults, or with the parameters given.
  ///
  /// - Parameter parameters: `pad` of crop, `size` of cutout, `alpha` of mixup.
  /// - Throws: `PareError.notFound` for an unknown name, `.argument` for a parameter that it lacks or that is out of range.
  public static func make(_ name: String, _ parameters: [String: Double] = [:]) throws -> any Augmentation {
    let known: [String]
    switch name {
    case Flip.name: known = []
    case Crop.name: known = ["pad"]
    case Cutout.name: known = ["size"]
    case Mixup.name: known = ["alpha"]
    default:
      throw PareError(
        .notFound, "train: no augmentation '\(name)'", argument: "augment", expected: names.joined(separator: ", "),
        got: name, suggestion: Suggestion.didYouMean(name, among: names))
    }
    for parameter in parameters.keys.sorted() where !known.contains(parameter) {
      throw PareError(
        .argument, "train: augmentation '\(name)' has no parameter '\(parameter)'", argument: parameter,
        expected: known.isEmpty ? "none" : known.joined(separator: ", "), got: parameter,
        suggestion: Suggestion.didYouMean(parameter, among: known))
    }
    func whole(_ parameter: String) throws -> Int? {
      guard let value = parameters[parameter] else { return nil }
      guard let whole = Int(exactly: value), (1...1 << 16).contains(whole) else {
        throw PareError(
          .argument, "train: \(parameter) of augmentation '\(name)'", argument: parameter, expected: "a whole number of pixels from 1",
          got: "\(value)")
      }
      return whole
    }
    switch name {
    case Crop.name: return Crop(pad: try whole("pad"))
    case Cutout.name: return Cutout(size: try whole("size") ?? 8)
    case Mixup.name:
      let alpha = parameters["alpha"] ?? 0.2
      guard alpha > 0, alpha.isFinite else {
        throw PareError(.argument, "train: alpha of augmentation 'mixup'", argument: "alpha", expected: "above 0", got: "\(alpha)")
      }
      return Mixup(alpha: alpha)
    default: return Flip()
    }
  }

  /// Makes sure that the transforms fit the data.
  ///
  /// - Parameter sample: sizes of one input, without the batch axis.
  static func check(_ wanted: [any Augmentation], sample: [Int], classes: Int) throws {
    guard !wanted.isEmpty else { return }
    guard sample.count == 3 else {
      throw PareError(
        .shape, "train: augmentation", argument: "augment", expected: "images [C, H, W]", got: "inputs \(sample)")
    }
    for transform in wanted {
      try transform.check(channels: sample[0], height: sample[1], width: sample[2], classes: classes)
    }
  }

  /// Returns the batch with every transform applied in turn; what is drawn depends on `seed` and `index` alone.
  ///
  /// - Parameter index: the number of the batch, counted over all epochs.
  static func applied(
    _ wanted: [any Augmentation], to batch: Batch, classes: Int, seed: UInt64, index: Int
  ) throws -> Batch {
    guard !wanted.isEmpty else { return batch }
    guard batch.x.rank == 4, batch.x.dtype == .f32 else {
      throw PareError(
        .shape, "train: augmentation", argument: "augment", expected: "f32 images [N, C, H, W]",
        got: "\(batch.x.dtype.rawValue) \(batch.x.shape.dimensions)")
    }
    var batch = batch
    batch.x = try batch.x.contiguous()
    for transform in wanted {
      var random = RandomSource(seed: seed, name: "augment.\(transform.name).\(index)")
      batch = try transform.applied(to: batch, classes: classes, random: &random)
    }
    return batch
  }
}

extension Batch {
  /// Returns this batch with images that `fill` writes from the present ones, both f32 `[N, C, H, W]` row-major.
  func replacingImages(
    _ fill: (_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>) throws -> Void
  ) throws -> Batch {
    var result = self
    guard x.count > 0 else { return self }
    result.x = try x.withBytes { source in
      try Tensor(x.shape, .f32) { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        try fill(source.assumingMemoryBound(to: Float.self), target.assumingMemoryBound(to: Float.self))
      }
    }
    return result
  }
}
