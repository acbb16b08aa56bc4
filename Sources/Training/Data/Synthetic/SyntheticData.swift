import Support
import Tensor

/// What the data set "synthetic" holds.
public enum SyntheticKind: String, CaseIterable, Sendable {
  /// Each class is a fixed random pattern, seen under noise.
  case images
  /// Points of the plane on arms that wind around each other, a class for each arm.
  case spirals
  /// A smooth function of a few numbers, under noise.
  case regression
  /// Images of discs, squares and triangles, with the class of each pixel.
  case shapes
}

/// Samples for trying things out; the same for the same options.
enum SyntheticData {
  static func generate(_ name: String, _ options: DatasetOptions) throws -> RawDataset {
    guard options.size > 0 else {
      throw PareError(.argument, "data set '\(name)'", argument: "size", expected: "at least 1", got: "\(options.size)")
    }
    if let classes = options.classes, classes <= 0 || classes > 1 << 16 {
      throw PareError(
        .argument, "data set '\(name)'", argument: "classes", expected: "1 to \(1 << 16)", got: "\(classes)")
    }
    switch options.kind {
    case .images: return try SyntheticImages.generate(name, options)
    case .spirals: return try SyntheticSpirals.generate(name, options)
    case .regression: return try SyntheticRegression.generate(name, options)
    case .shapes: return try SyntheticShapes.generate(name, options)
    }
  }

  /// The sizes of the training and test parts.
  static func parts(_ options: DatasetOptions) -> [(name: String, size: Int)] {
    [("train", options.size), ("test", max(1, options.size / 5))]
  }
}
