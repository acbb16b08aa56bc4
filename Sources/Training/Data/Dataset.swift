import Graph
import Support
import Tensor

/// The labels of "cifar100": 100 classes or 20 superclasses.
public enum LabelKind: String, CaseIterable, Sendable { case fine, coarse }

/// How a data set is loaded. Invalid values are reported by `Dataset.load`.
public struct DatasetOptions: Sendable {
  /// Where the files are; nil: `$PARE_DATA/NAME`.
  public var dir: String?
  /// How images are normalized.
  public var normalize: NormalizationChoice = .standard
  /// The order of an image's axes in a batch.
  public var layout: ImageLayout = .nchw
  /// The share of the training part that is trained on; the rest is the validation part. In (0, 1].
  public var train = 0.9
  /// Seed of the split into training and validation, and of synthetic samples.
  public var seed: UInt64 = 0
  /// The normalization stored in the model that the data is for.
  public var stored: Normalization?
  /// Which labels of "cifar100".
  public var labels = LabelKind.fine
  /// "images": height and width.
  public var imageSize: [Int]?
  /// What "synthetic" generates.
  public var kind = SyntheticKind.images
  /// Synthetic images and shapes: channels, height, width.
  public var shape: [Int]?
  /// Synthetic images and spirals: the number of classes.
  public var classes: Int?
  /// Synthetic samples in the training part; the test part has a fifth of that.
  public var size = 1000

  /// The default options; each can be set afterwards.
  public init() {}
}

/// Samples in three parts, with the names of their classes.
public struct Dataset: Sendable {
  /// The name in reports, such as "cifar10".
  public let name: String
  /// What networks learn from.
  public let train: DataPart
  /// What decides during a search, an early stop or an allocation.
  public let validation: DataPart
  /// What results are reported on, and nothing else.
  public let test: DataPart
  /// The name of each class, in the order of labels.
  public let classes: [String]
  /// What the inputs were standardised with; nil where they come as they are.
  public let normalization: Normalization?
  /// Sizes of one input, without the batch axis; empty when there are no samples.
  public let inputShape: [Int]

  /// Creates a data set from parts of your own.
  ///
  /// - Throws: `PareError.argument` if a part has another role than its place, or errors of reading the first sample.
  public init(name: String, train: DataPart, validation: DataPart, test: DataPart, classes: [String] = []) throws {
    for (part, role) in [(train, DataPart.Role.train), (validation, .validation), (test, .test)] where part.role != role {
      throw PareError(
        .argument, "data set '\(name)'", argument: role.rawValue, expected: "the \(role.rawValue) part",
        got: "the \(part.role.rawValue) part")
    }
    self.name = name
    self.train = train
    self.validation = validation
    self.test = test
    self.classes = classes
    normalization = train.source.normalization
    let sample = [train, validation, test].first { $0.count > 0 }
    inputShape = try sample.map { Array(try $0.batch([0]).x.shape.dimensions.dropFirst()) } ?? []
  }

  /// Returns this data as `model` wants it; see `DataPart.normalized(for:)`.
  public func normalized(for model: Model) throws -> Dataset {
    try Dataset(
      name: name, train: train.normalized(for: model), validation: validation.normalized(for: model),
      test: test.normalized(for: model), classes: classes)
  }

  /// The names that `load` knows, sorted.
  public static var known: [String] { DatasetCatalogue.openers.keys.sorted() }

  /// Loads a data set by name: "digits" ships with the program; "mnist", "fashion-mnist", "cifar10", "cifar100",
  /// "images" and "npy" are read from files; "synthetic" is generated.
  ///
  /// Files are looked for in `options.dir`, else in `$PARE_DATA/NAME`, gzip or not. The validation part is
  /// `1 - options.train` of the training part, the same share of each class.
  ///
  /// - Throws: `PareError.notFound` for an unknown name, or saying where files were looked for; `.format` for a file
  ///   that is not what it should be; `.argument` naming an option.
  public static func load(_ name: String, options: DatasetOptions = DatasetOptions()) throws -> Dataset {
    guard let open = DatasetCatalogue.openers[name] else {
      throw PareError(
        .notFound, "no data set '\(name)'", argument: "name", expected: known.joined(separator: ", "), got: name,
        suggestion: Suggestion.didYouMean(name, among: known))
    }
    guard options.train > 0, options.train <= 1 else {
      throw PareError(
        .argument, "data set '\(name)'", argument: "train", expected: "a share above 0 and at most 1", got: "\(options.train)")
    }
    return try open(name, options).dataset(options)
  }
}
