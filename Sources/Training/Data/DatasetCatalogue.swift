import Formats
import Glibc
import Support
import Tensor

/// The data sets that `Dataset.load` knows.
enum DatasetCatalogue {
  static let openers: [String: @Sendable (String, DatasetOptions) throws -> RawDataset] = [
    "digits": { name, _ in RawDataset(name: name, try ImageSets.digits()) },
    "mnist": { name, options in
      try files(name, options) { RawDataset(name: name, try ImageSets.idx(in: $0)) }
    },
    "fashion-mnist": { name, options in
      try files(name, options) { RawDataset(name: name, try ImageSets.idx(in: $0, classes: fashion)) }
    },
    "cifar10": { name, options in
      try files(name, options) { RawDataset(name: name, try ImageSets.cifar10(in: $0)) }
    },
    "cifar100": { name, options in
      try files(name, options) { RawDataset(name: name, try ImageSets.cifar100(in: $0, coarse: options.labels == .coarse)) }
    },
    "images": { name, options in try files(name, options) { try images(name, in: $0, options) } },
    "npy": { name, options in try files(name, options) { try arrays(name, in: $0) } },
    "synthetic": { name, options in try SyntheticData.generate(name, options) },
  ]

  private static let fashion = [
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
  ]

  /// Opens the folder of a data set; where a file is missing the error says where it was looked for.
  private static func files(
    _ name: String, _ options: DatasetOptions, _ open: (String) throws -> RawDataset
  ) throws -> RawDataset {
    let folder: String
    if let dir = options.dir {
      folder = dir
    } else if let root = getenv("PARE_DATA").map({ String(cString: $0) }), !root.isEmpty {
      folder = "\(root)/\(name)"
    } else {
      throw PareError(
        .notFound, "data set '\(name)': PARE_DATA is not set and no dir was given; nothing is downloaded",
        argument: "dir", suggestion: "give dir, or set PARE_DATA to the folder that holds '\(name)'")
    }
    do { return try open(folder) } catch let error as PareError where error.code == .notFound {
      throw PareError(
        .notFound, "data set '\(name)': looked in '\(folder)': \(error.message); nothing is downloaded",
        argument: "dir", suggestion: error.suggestion, file: error.file)
    }
  }

  private static func images(_ name: String, in folder: String, _ options: DatasetOptions) throws -> RawDataset {
    guard let size = options.imageSize, size.count == 2 else {
      throw PareError(
        .argument, "data set '\(name)'", argument: "size", expected: "height and width, such as {64, 64}",
        got: options.imageSize.map { "\($0)" } ?? "nothing")
    }
    let found = try ImageSets.images(in: folder, height: size[0], width: size[1])
    func pool(_ split: RawSplit) -> RawDataset.Pool { .images(split.images, labels: split.labels, greatestPixel: 255) }
    return RawDataset(
      name: name, training: pool(found.train), validation: found.validation.map(pool), test: found.test.map(pool),
      classes: found.classes)
  }

  /// `x_train.npy`, `y_train.npy`, `x_test.npy`, `y_test.npy`, and `x_validation.npy`, `y_validation.npy` if they are
  /// there. u8 arrays of four axes are images; others are given as they are.
  private static func arrays(_ name: String, in folder: String) throws -> RawDataset {
    func pool(_ part: String) throws -> RawDataset.Pool {
      let x = try NPY.load("\(folder)/x_\(part).npy")
      let y = try NPY.load("\(folder)/y_\(part).npy")
      guard x.rank > 0, y.rank > 0, x.shape[0] == y.shape[0] else {
        throw PareError(
          .format, "x_\(part) and y_\(part)", expected: "the same number of samples",
          got: "\(x.shape) and \(y.shape)", file: "\(folder)/y_\(part).npy")
      }
      let targets = y.rank == 1 && y.dtype.isInteger ? try y.converted(to: .i64) : y
      return x.dtype == .u8 && x.rank == 4 && targets.dtype == .i64
        ? .images(x, labels: targets, greatestPixel: 255) : .tensors(x: x, y: targets)
    }
    let training = try pool("train")
    let hasValidation = access("\(folder)/x_validation.npy", F_OK) == 0
    return RawDataset(
      name: name, training: training, validation: hasValidation ? try pool("validation") : nil, test: try pool("test"),
      classes: try classNames(of: training))
  }

  /// Numbers as names, up to the greatest label; none for targets that are no classes.
  private static func classNames(of pool: RawDataset.Pool) throws -> [String] {
    let labels: Tensor
    switch pool {
    case .images(_, let own, _): labels = own
    case .tensors(_, let y): labels = y
    }
    guard labels.rank == 1, labels.dtype == .i64 else { return [] }
    let values = try labels.values(as: Int64.self)
    guard let greatest = values.max(), let least = values.min(), least >= 0, greatest < 1 << 20 else {
      if values.isEmpty { return [] }
      throw PareError(.format, "y_train", expected: "class labels in 0..<\(1 << 20)", got: "\(values.min() ?? 0)...\(values.max() ?? 0)")
    }
    return (0...Int(greatest)).map(String.init)
  }
}
