import Support
import Tensor

/// Images and labels as a published file has them.
public struct RawSplit: Sendable {
  /// u8 `[N, C, H, W]`.
  public let images: Tensor
  /// i64 `[N]`.
  public let labels: Tensor
  /// The number of samples, N.
  public var count: Int { labels.count }

  /// Takes both as they are; shapes and dtypes are not checked.
  public init(images: Tensor, labels: Tensor) {
    self.images = images
    self.labels = labels
  }
}

/// A published image set: its training and test files, pixels untouched, samples in file order.
public struct RawImageSet: Sendable {
  /// The samples of the training files.
  public let train: RawSplit
  /// The samples of the test files.
  public let test: RawSplit
  /// Names of the classes, by label.
  public let classes: [String]
  /// The greatest value that a pixel can have: 255, or 16 for `digits`.
  public let greatestPixel: Int
}

/// Readers of image-classification sets in their published formats.
public enum ImageSets {
  /// Returns the path of `name` in `folder`, or of `name.gz`.
  static func find(_ name: String, in folder: String) throws -> String {
    for candidate in ["\(folder)/\(name)", "\(folder)/\(name).gz"] where FileBytes.exists(candidate) {
      return candidate
    }
    throw PareError(
      .notFound, "no file '\(name)' or '\(name).gz' in '\(folder)'",
      suggestion: "put the published files there, compressed or not", file: "\(folder)/\(name)")
  }

  /// Makes an i64 tensor of labels that must be below `classes`.
  static func labels(_ values: some Collection<UInt8>, classes: Int, file: String) throws -> Tensor {
    if let (index, value) = values.enumerated().first(where: { $0.element >= classes }) {
      throw PareError(
        .format, "label of sample \(index)", expected: "0 to \(classes - 1)", got: "\(value)", file: file)
    }
    return try Tensor(values.map(Int64.init), shape: Shape([values.count]))
  }

  static func images(_ pixels: [UInt8], _ sizes: [Int], file: String) throws -> Tensor {
    try pixels.withUnsafeBytes { try StoredElements.tensor($0, sizes, .u8, "the images", file: file) }
  }
}
