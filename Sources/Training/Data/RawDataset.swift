import Formats
import Graph
import Support
import Tensor

/// What files or a generator hold, before it is split and normalized.
struct RawDataset {
  /// Samples from which a part is made.
  enum Pool {
    /// u8 `[N, C, H, W]`, labels i64 `[N]` or `[N, H, W]`; the greatest pixel becomes 1.
    case images(Tensor, labels: Tensor, greatestPixel: Int)
    case tensors(x: Tensor, y: Tensor)
  }

  var name: String
  var training: Pool
  /// A validation part that came with the data; nil: drawn from the training part.
  var validation: Pool?
  /// A test part that came with the data; nil: drawn from the training part, a fifth of it, before anything else.
  var test: Pool?
  var classes: [String]

  init(name: String, training: Pool, validation: Pool? = nil, test: Pool?, classes: [String]) {
    self.name = name
    self.training = training
    self.validation = validation
    self.test = test
    self.classes = classes
  }

  init(name: String, _ set: RawImageSet) {
    func pool(_ split: RawSplit) -> Pool {
      .images(split.images, labels: split.labels, greatestPixel: set.greatestPixel)
    }
    self.init(name: name, training: pool(set.train), test: pool(set.test), classes: set.classes)
  }

  /// Splits and normalizes.
  func dataset(_ options: DatasetOptions) throws -> Dataset {
    let normalization = try self.normalization(options)
    func source(_ pool: Pool) throws -> any SampleSource {
      switch pool {
      case .images(let images, let labels, let greatest):
        return try ImageSource(
          images: images, labels: labels, scale: Float(greatest), normalization: normalization, layout: options.layout)
      case .tensors(let x, let y): return try TensorSource(x: x, y: y)
      }
    }
    func part(_ role: DataPart.Role, _ source: any SampleSource, _ indices: [Int]? = nil) throws -> DataPart {
      try DataPart(role, source, indices: indices, normalizationGiven: options.normalize != .standard)
    }
    let samples = try source(training)
    guard let ownTest = self.test else { return try split(samples, options, part) }
    let test = try part(.test, source(ownTest))
    if let validation {
      return try Dataset(
        name: name, train: part(.train, samples), validation: part(.validation, source(validation)), test: test,
        classes: classes)
    }
    let (kept, held) = StratifiedSplit.split(try strata(), holding: 1 - options.train, seed: options.seed)
    return try Dataset(
      name: name, train: part(.train, samples, kept), validation: part(.validation, samples, held), test: test,
      classes: classes)
  }

  /// Training, validation and test parts of one pool of samples, each with the same share of every class.
  private func split(
    _ samples: any SampleSource, _ options: DatasetOptions, _ part: (DataPart.Role, any SampleSource, [Int]?) throws -> DataPart
  ) throws -> Dataset {
    let labels = try strata()
    let (rest, test) = StratifiedSplit.split(labels, holding: 0.2, seed: options.seed)
    let (kept, held) = StratifiedSplit.split(rest.map { labels[$0] }, holding: 1 - options.train, seed: options.seed)
    return try Dataset(
      name: name, train: part(.train, samples, kept.map { rest[$0] }),
      validation: part(.validation, samples, held.map { rest[$0] }), test: part(.test, samples, test), classes: classes)
  }

  /// The class of each training sample; one stratum for targets that are no classes.
  private func strata() throws -> [Int] {
    switch training {
    case .images(_, let y, _), .tensors(_, let y):
      guard y.rank == 1, y.dtype.isInteger else { return [Int](repeating: 0, count: y.shape.first ?? 0) }
      return try y.values(as: Int64.self).map(Int.init)
    }
  }

  /// Given in this call, else stored in the model, else published, else computed from the training part.
  private func normalization(_ options: DatasetOptions) throws -> Normalization? {
    guard case .images(let images, _, let greatest) = training else {
      if case .given = options.normalize {
        throw PareError(
          .argument, "data set '\(name)'", argument: "normalize",
          expected: "u8 images [N, C, H, W], to which a normalization applies")
      }
      return nil
    }
    let channels = images.shape[1]
    switch options.normalize {
    case .none: return nil
    case .given(let given):
      try given.check(channels: channels)
      if let stored = options.stored, stored != given {
        Console.warn("\(name): normalized with \(given.text), the model was trained with \(stored.text)")
      }
      return given
    case .standard:
      if let stored = options.stored {
        try stored.check(channels: channels)
        return stored
      }
      if let published = Normalization.published[name], published.mean.count == channels { return published }
      let computed = try Normalization.computed(from: images, scale: Double(greatest))
      Console.note("\(name): \(computed.text) (computed from the training part)")
      return computed
    }
  }
}
