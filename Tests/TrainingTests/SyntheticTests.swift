import Foundation
import Formats
import Graph
import Support
import Tensor
import Testing
import Training

@Suite struct SyntheticTests {
  private func load(_ kind: SyntheticKind, _ change: (inout DatasetOptions) -> Void = { _ in }) throws -> Dataset {
    var options = DatasetOptions()
    options.kind = kind
    options.size = 300
    options.normalize = .standard
    change(&options)
    return try Dataset.load("synthetic", options: options)
  }

  @Test(arguments: SyntheticKind.allCases) func repeatsBySeed(kind: SyntheticKind) throws {
    func x(_ seed: UInt64) throws -> [Double] { try load(kind) { $0.seed = seed }.test.all().x.scalars() }
    let first = try x(0)
    #expect(try first == x(0) && first != x(1))
    let data = try load(kind)
    #expect(data.train.count == 270 && data.validation.count == 30 && data.test.count == 60)
    #expect(pareError { _ = try load(kind) { $0.size = 0 } }?.argument == "size")
    #expect(pareError { _ = try load(kind) { $0.classes = 0 } }?.argument == "classes")
  }

  @Test func spiralsAreArms() throws {
    let data = try load(.spirals) { $0.classes = 4 }
    #expect(data.classes.count == 4 && data.inputShape == [2])
    let all = try data.train.all()
    let points = try all.x.scalars(), labels = try all.labels().values(as: Int64.self)
    for (index, label) in labels.enumerated() {
      let (x, y) = (points[2 * index], points[2 * index + 1])
      let radius = (x * x + y * y).squareRoot()
      var turn = atan2(y, x) / (2 * .pi) - radius - Double(label) / 4
      turn -= turn.rounded()
      #expect(radius < 1 && abs(turn) <= 0.2 / (2 * .pi) + 1e-5)
    }
  }

  @Test func regressionIsFriedmans() throws {
    let data = try load(.regression)
    let all = try data.train.all()
    #expect(all.x.shape == [270, 5] && all.y.shape == [270, 1] && data.classes.isEmpty)
    let x = try all.x.scalars(), y = try all.y.scalars()
    let errors = y.enumerated().map { row, y in
      let v = Array(x[row * 5..<row * 5 + 5])
      return y - (10 * sin(.pi * v[0] * v[1]) + 20 * pow(v[2] - 0.5, 2) + 10 * v[3] + 5 * v[4])
    }
    let deviation = (errors.reduce(0) { $0 + $1 * $1 } / 270).squareRoot()
    #expect(abs(deviation - 0.1) < 0.02)
  }

  @Test func shapesHaveAClassForEachPixel() throws {
    let data = try load(.shapes)
    let all = try data.train.all()
    #expect(all.x.shape == [270, 3, 32, 32] && all.y.shape == [270, 32, 32] && all.y.dtype == .i64)
    #expect(data.classes == ["background", "disc", "square", "triangle"])
    var counts = [0, 0, 0, 0]
    for value in try all.y.values(as: Int64.self) { counts[Int(value)] += 1 }
    #expect(counts.allSatisfy { $0 > 1000 } && counts[0] > counts[1...].reduce(0, +))
    let small = try load(.shapes) { $0.shape = [1, 9, 16] }
    #expect(try small.train.batch([0, 1]).y.shape == [2, 9, 16])
    #expect(pareError { _ = try load(.shapes) { $0.shape = [1, 4, 4] } }?.argument == "shape")
    // A network of two convolutions tells them apart better than the background alone.
    let net = try NN.sequential([
      NN.conv2d(inChannels: 3, outChannels: 8, kernel: [3, 3], padding: [1, 1]), NN.relu(),
      NN.conv2d(inChannels: 8, outChannels: 4, kernel: [3, 3], padding: [1, 1]),
    ])
    var options = TrainingOptions()
    options.epochs = 2
    options.optimizer = "adam"
    options.lr = 0.01
    options.batch = 16
    let history = try train(net, on: data, options).history
    let last = try #require(history.last)
    #expect(last.loss < history[0].loss && last.validationAccuracy != nil)
  }

  @Test func imageFoldersBecomeData() throws {
    let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Golden/images/colour.png")
    try withFolder { folder in
      for name in ["x", "y"] {
        try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        for index in 0..<20 {
          try FileManager.default.copyItem(atPath: golden.path, toPath: "\(folder)/\(name)/\(index).png")
        }
      }
      var options = DatasetOptions()
      options.dir = folder
      options.imageSize = [6, 5]
      let data = try Dataset.load("images", options: options)
      // A fifth is held out for the test, a tenth of the rest for validation.
      #expect(data.test.count == 8 && data.validation.count == 3 && data.train.count == 29)
      #expect(data.classes == ["x", "y"] && data.inputShape == [3, 6, 5])
      #expect(data.normalization?.mean == [0.485, 0.456, 0.406])
      #expect(try data.test.all().labels().values(as: Int64.self).reduce(0, +) == 4)
      let repeated = try Dataset.load("images", options: options)
      #expect(try repeated.train.all().y.scalars() == data.train.all().y.scalars())
    }
  }
}
