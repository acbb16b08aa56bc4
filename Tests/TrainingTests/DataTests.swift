import Foundation
import Formats
import Graph
import Support
import Tensor
import Testing
import Training

@Suite struct DataPartTests {
  private func part(_ count: Int) throws -> DataPart {
    try DataPart(.train, count: count) { index in
      (try .scalar(Double(index)), try Tensor([Int64(index % 3)], shape: []))
    }
  }

  @Test(arguments: [(10, 3), (9, 3), (1, 64), (0, 4)])
  func batchesCoverEachSampleOnce(count: Int, size: Int) throws {
    for shuffle in [false, true] {
      let batches = try part(count).batches(size: size, shuffle: shuffle, seed: 1)
      #expect(batches.count == (count + size - 1) / size)
      let seen = try (0..<batches.count).flatMap { try batches[$0].x.scalars() }
      #expect(seen.sorted() == (0..<count).map(Double.init))
      if !shuffle { #expect(seen == seen.sorted()) }
    }
  }

  @Test func orderDependsOnSeedAndEpochAlone() throws {
    func order(_ seed: UInt64, _ epoch: Int, size: Int = 7) throws -> [Double] {
      let batches = try part(50).batches(size: size, shuffle: true, seed: seed, epoch: epoch)
      return try (0..<batches.count).flatMap { try batches[$0].x.scalars() }
    }
    #expect(try order(1, 0) == order(1, 0))
    #expect(try order(1, 0) == order(1, 0, size: 50))
    #expect(try order(1, 0) != order(2, 0))
    #expect(try order(1, 0) != order(1, 1))
  }

  @Test func takeIsTheFirstInFileOrder() throws {
    let data = try Dataset.load("digits")
    let first = try data.train.take(5)
    #expect(first.role == .train && first.count == 5)
    #expect(try first.all().x.scalars() == data.train.batch([0, 1, 2, 3, 4]).x.scalars())
    #expect(try data.train.take(1 << 20).count == data.train.count)
    #expect(pareError { _ = try data.train.take(-1) }?.argument == "n")
  }

  @Test func tensorsAreGivenAsTheyAre() throws {
    let x = try Tensor((0..<12).map(Float.init), shape: [4, 3])
    let part = try DataPart(.validation, x: x, y: Tensor([0, 1, 2, 3] as [Float], shape: [4]))
    let batch = try part.batch([2, 0, 2])
    #expect(batch.x.shape == [3, 3])
    #expect(try batch.x.scalars() == [6, 7, 8, 0, 1, 2, 6, 7, 8])
    #expect(try batch.labels().values(as: Int64.self) == [2, 0, 2])
  }

  @Test func wrongUseIsNamed() throws {
    let part = try part(3)
    #expect(pareError { _ = try part.batch([0, 3]) }?.got == "3")
    #expect(pareError { _ = try part.batch([-1]) }?.got == "-1")
    #expect(pareError { _ = try part.batch([]) }?.code == .argument)
    #expect(pareError { _ = try part.batches(size: 0) }?.argument == "size")
    #expect(pareError { _ = try part.batches(size: 2)[2] }?.code == .argument)
    let negative = pareError { _ = try DataPart(.train, count: -1) { _ in (try .scalar(0), try .scalar(0)) } }
    #expect(negative?.argument == "size")
    let x = try Tensor.zeros([3, 2])
    #expect(pareError { _ = try DataPart(.train, x: x, y: .zeros([2])) }?.code == .shape)
    #expect(pareError { _ = try DataPart(.train, x: .scalar(1), y: .scalar(1)) }?.code == .shape)
    let ragged = try DataPart(.train, count: 2) { (try .zeros(Shape([$0 + 1])), try .scalar(0)) }
    #expect(pareError { _ = try ragged.all() }?.message == "sample 1")
    let half = try DataPart(.train, x: x, y: Tensor([0, 0.5, 1] as [Float], shape: [3]))
    #expect(pareError { _ = try half.all().labels() }?.message == "label of sample 1")
  }

  @Test func testPartIsRefused() throws {
    let data = try smallData()
    #expect(pareError { try data.test.refuseTest(for: "calibration") }?.message.hasPrefix("calibration") == true)
    try data.train.refuseTest(for: "calibration")
    try data.validation.refuseTest(for: "calibration")
    // Nor does the test part get in by another door.
    #expect(pareError {
      _ = try Dataset(name: "own", train: data.test, validation: data.validation, test: data.test)
    }?.argument == "train")
  }
}

@Suite struct DatasetTests {
  @Test func digitsAreSplitAsPromised() throws {
    let data = try Dataset.load("digits")
    #expect(data.test.count == 500 && data.validation.count == 130 && data.train.count == 1167)
    #expect(data.inputShape == [1, 8, 8])
    #expect(data.classes == (0..<10).map(String.init))
    // NumPy on the 1,297 training images, pixels / 16.
    let normalization = try #require(data.normalization)
    expectClose(normalization.mean, [0.3057672152081727], relative: 1e-12, "mean")
    expectClose(normalization.deviation, [0.3763370159715816], relative: 1e-12, "std")
    func shares(_ part: DataPart) throws -> [Int] {
      try part.all().y.values(as: Int64.self).reduce(into: [Int](repeating: 0, count: 10)) { $0[Int($1)] += 1 }
    }
    // A tenth of 128 131 128 132 131 131 131 129 126 130.
    #expect(try shares(data.validation).allSatisfy { (12...14).contains($0) })
    #expect(try zip(shares(data.train), shares(data.validation)).map { $0 + $1 }
      == [128, 131, 128, 132, 131, 131, 131, 129, 126, 130])
    #expect(try shares(data.test) == [50, 51, 49, 51, 50, 51, 50, 50, 48, 50])
  }

  @Test func partsShareNoSample() throws {
    let data = try Dataset.load("digits")
    func rows(_ part: DataPart) throws -> Set<[Float]> {
      let values = try part.all().x.values(as: Float.self)
      return Set((0..<part.count).map { Array(values[$0 * 64..<($0 + 1) * 64]) })
    }
    let (train, validation, test) = (try rows(data.train), try rows(data.validation), try rows(data.test))
    #expect(train.isDisjoint(with: validation) && train.isDisjoint(with: test) && validation.isDisjoint(with: test))
  }

  @Test func validationFollowsSeedAndShare() throws {
    func labels(_ seed: UInt64, _ share: Double) throws -> [Double] {
      var options = DatasetOptions()
      options.seed = seed
      options.train = share
      let data = try Dataset.load("digits", options: options)
      #expect(data.validation.count == Int((1297 * (1 - share)).rounded()))
      return data.validation.count > 0 ? try data.validation.all().x.scalars() : []
    }
    #expect(try labels(0, 0.9) == labels(0, 0.9))
    #expect(try labels(0, 0.9) != labels(1, 0.9))
    #expect(try labels(0, 0.5).count == 649 * 64)
    #expect(try labels(0, 1).isEmpty)
    for share in [0, -0.1, 1.5, .nan] {
      var options = DatasetOptions()
      options.train = share
      #expect(pareError { _ = try Dataset.load("digits", options: options) }?.argument == "train")
    }
  }

  @Test func pixelsAreNormalizedAsInNumPy() throws {
    var pixels = [UInt8](repeating: 0, count: 2 * 3 * 2 * 2)
    for index in pixels.indices { pixels[index] = UInt8(index * 11) }
    let source = try ImageSource(
      images: Tensor(pixels, shape: [2, 3, 2, 2]), labels: Tensor([0, 1] as [Int64], shape: [2]),
      normalization: Normalization(mean: [0.4914, 0.4822, 0.4465], deviation: [0.2470, 0.2435, 0.2616]))
    // ((np.float32(p) / np.float32(255)) - np.float32(mean)) / np.float32(std)
    let batch = try source.batch([1])
    let values = try batch.x.values(as: Float.self)
    for (index, value) in values.enumerated() {
      let mean: [Float] = [0.4914, 0.4822, 0.4465], deviation: [Float] = [0.2470, 0.2435, 0.2616]
      #expect(value == (Float((12 + index) * 11) / 255 - mean[index / 4]) / deviation[index / 4])
    }
    let last = try ImageSource(
      images: Tensor(pixels, shape: [2, 3, 2, 2]), labels: Tensor([0, 1] as [Int64], shape: [2]),
      normalization: source.normalization, layout: .nhwc)
    let other = try last.batch([1]).x
    #expect(other.shape == [1, 2, 2, 3])
    #expect(try other.permuted([0, 3, 1, 2]).values(as: Float.self) == values)
  }

  @Test func normalizationOrder() throws {
    let given = Normalization(mean: [0.25], deviation: [0.5]), stored = Normalization(mean: [0.75], deviation: [2])
    func mean(_ choice: NormalizationChoice, _ stored: Normalization?) throws -> Normalization? {
      var options = DatasetOptions()
      options.normalize = choice
      options.stored = stored
      return try Dataset.load("digits", options: options).normalization
    }
    #expect(try mean(.given(given), stored) == given)
    #expect(try mean(.standard, stored) == stored)
    #expect(try mean(.none, nil) == nil)
    #expect(pareError { _ = try mean(.given(Normalization(mean: [0, 0], deviation: [1, 1])), nil) }?.argument == "normalize")
    #expect(pareError { _ = try mean(.given(Normalization(mean: [0], deviation: [0])), nil) }?.argument == "normalize")
    // A model's own replaces the default, not what was asked for.
    var model = try smallNet()
    model.normalization = stored
    #expect(try Dataset.load("digits").normalized(for: model).normalization == stored)
    var options = DatasetOptions()
    options.normalize = .given(given)
    #expect(try Dataset.load("digits", options: options).normalized(for: model).normalization == given)
  }

  @Test func syntheticImagesRepeat() throws {
    let (a, b) = (try smallData(), try smallData())
    #expect(try a.train.all().x.scalars() == b.train.all().x.scalars())
    #expect(a.train.count == 90 && a.validation.count == 10 && a.test.count == 20)
    var options = DatasetOptions()
    options.seed = 1
    options.size = 100
    options.normalize = .given(Normalization(mean: [0.5], deviation: [0.25]))
    #expect(try Dataset.load("synthetic", options: options).train.all().x.scalars() != a.train.all().x.scalars())
    options.shape = [3, -1, 4]
    #expect(pareError { _ = try Dataset.load("synthetic", options: options) } != nil)
    options.shape = [1 << 31, 1 << 31, 4]
    #expect(pareError { _ = try Dataset.load("synthetic", options: options) } != nil)
    options.shape = [1, 4, 4]
    options.size = 0
    #expect(pareError { _ = try Dataset.load("synthetic", options: options) }?.argument == "size")
  }

  @Test func arraysFromFiles() throws {
    try withFolder { folder in
      var options = DatasetOptions()
      options.dir = folder
      let missing = pareError { _ = try Dataset.load("npy", options: options) }
      #expect(missing?.code == .notFound && missing?.message.contains("nothing is downloaded") == true)
      let x = try Noise.tensor("x", [20, 3]), y = try Tensor((0..<20).map { Int64($0 % 2) }, shape: [20])
      for part in ["train", "test"] {
        try NPY.save(x, to: "\(folder)/x_\(part).npy")
        try NPY.save(y, to: "\(folder)/y_\(part).npy")
      }
      let data = try Dataset.load("npy", options: options)
      #expect(data.train.count == 18 && data.validation.count == 2 && data.test.count == 20)
      #expect(try data.test.all().x.scalars() == x.scalars())
      #expect(data.classes == ["0", "1"] && data.inputShape == [3] && data.normalization == nil)
      #expect(try Set(data.validation.all().y.scalars()) == [0, 1])
      try NPY.save(Tensor.zeros([19], .i64), to: "\(folder)/y_test.npy")
      #expect(pareError { _ = try Dataset.load("npy", options: options) }?.code == .format)
    }
  }

  @Test func unknownAndMissing() throws {
    let unknown = pareError { _ = try Dataset.load("digit") }
    #expect(unknown?.code == .notFound && unknown?.suggestion == "did you mean 'digits'?")
    var options = DatasetOptions()
    options.dir = "/nonexistent"
    options.imageSize = [8, 8]
    for name in ["mnist", "fashion-mnist", "cifar10", "cifar100", "images"] {
      let missing = pareError { _ = try Dataset.load(name, options: options) }
      #expect(missing?.code == .notFound)
      #expect(missing?.message.contains("/nonexistent") == true && missing?.message.contains("nothing is downloaded") == true)
    }
    options.imageSize = nil
    #expect(pareError { _ = try Dataset.load("images", options: options) }?.argument == "size")
  }
}
