import Distillation
import Foundation
import LowRank
import PareKit
import Pruning
import Quantization
import Search
import Testing

/// The built-in families, registered once in the registry that the methods themselves look into.
enum BuiltIns {
  static let ready: Result<Void, any Error> = Result {
    try Pruning.plugin.register(family: "pruning", origin: .builtIn)
    try Quantization.plugin.register(family: "quantization", origin: .builtIn)
    try Distillation.plugin.register(family: "distillation", origin: .builtIn)
    try LowRank.plugin.register(family: "lowrank", origin: .builtIn)
    try Search.plugin.register(family: "search", origin: .builtIn)
  }

  static func make<E>(_ kind: ExtensionKind, _ name: String, _ values: [String: Value] = [:], as: E.Type = E.self) throws -> E {
    try ready.get()
    let registration = try Registry.shared.find(kind, name)
    return try EntryValue(registration, Arguments(registration.entry, values)).make(as: E.self)
  }

  /// Makes a method and applies it.
  static func apply(
    _ name: String, _ values: [String: Value], to model: Model, data: Dataset? = nil, seed: UInt64 = 0
  ) throws -> Model {
    let method: any CompressionMethod = try make(.method, name, values)
    return try method.apply(model, context(model, data, seed, method))
  }

  static func context(
    _ model: Model, _ data: Dataset? = nil, _ seed: UInt64 = 0, _ method: (any CompressionMethod)? = nil
  ) throws -> Context {
    try ready.get()
    return try Context(model, data: data, seed: seed, method: "test", needs: method?.needs ?? [])
  }

  /// The code of the error that `body` throws, nil when it throws none of ours.
  static func code(of body: () throws -> Void) -> PareError.Code? {
    do {
      try body()
      return nil
    } catch let error as PareError { return error.code } catch { return nil }
  }
}

/// Models that the tests work on; all take images of `[1, 8, 8]`, as the digits are.
enum Zoo {
  static func cnn(seed: UInt64 = 0) throws -> Model {
    try NN.sequential(
      [
        NN.conv2d(inChannels: 1, outChannels: 8, kernel: 3, padding: 1, name: "conv1"), NN.relu(),
        NN.conv2d(inChannels: 8, outChannels: 12, kernel: 3, padding: 1, name: "conv2"), NN.relu(),
        NN.maxpool2d(kernel: [2, 2]), NN.flatten(),
        NN.linear(inFeatures: 192, outFeatures: 24, name: "fc1"), NN.relu(),
        NN.linear(inFeatures: 24, outFeatures: 10, name: "fc2"),
      ], input: [1, 8, 8], seed: seed)
  }

  static func withBatchNorm() throws -> Model {
    try NN.sequential(
      [
        NN.conv2d(inChannels: 1, outChannels: 8, kernel: 3, padding: 1, name: "conv1"), NN.batchnorm2d(channels: 8), NN.relu(),
        NN.conv2d(inChannels: 8, outChannels: 8, kernel: 3, padding: 1, groups: 8, name: "depthwise"), NN.relu(),
        NN.conv2d(inChannels: 8, outChannels: 16, kernel: 1, name: "pointwise"), NN.batchnorm2d(channels: 16), NN.relu(),
        NN.globalAvgpool(), NN.flatten(), NN.linear(inFeatures: 16, outFeatures: 10, name: "fc"),
      ], input: [1, 8, 8], seed: 1)
  }

  static func residual() throws -> Model {
    try NN.graph(input: [1, 8, 8], seed: 2) { x in
      let stem = try NN.conv2d(inChannels: 1, outChannels: 8, kernel: 3, padding: 1, name: "stem")(x).relu()
      let inner = try NN.conv2d(inChannels: 8, outChannels: 6, kernel: 3, padding: 1, name: "inner")(stem).relu()
      let outer = try NN.conv2d(inChannels: 6, outChannels: 8, kernel: 3, padding: 1, name: "outer")(inner)
      let sum = try (outer + stem).relu()
      return try NN.linear(inFeatures: 512, outFeatures: 10, name: "fc")(sum.flatten())
    }
  }

  static func concatenated() throws -> Model {
    try NN.graph(input: [1, 8, 8], seed: 3) { x in
      let a = try NN.conv2d(inChannels: 1, outChannels: 6, kernel: 3, padding: 1, name: "a")(x).relu()
      let b = try NN.conv2d(inChannels: 1, outChannels: 4, kernel: 1, name: "b")(x).relu()
      let joined = try NN.concat()([a, b])
      let c = try NN.conv2d(inChannels: 10, outChannels: 8, kernel: 3, padding: 1, name: "c")(joined).relu()
      return try NN.linear(inFeatures: 512, outFeatures: 10, name: "fc")(c.flatten())
    }
  }

  static let all: [(name: String, make: @Sendable () throws -> Model)] = [
    ("cnn", { try cnn() }), ("batch-norm and depthwise", withBatchNorm), ("residual", residual), ("concat", concatenated),
  ]

  static func digits() throws -> Dataset { try Dataset.load("digits") }
}

/// Values from `Tests/Golden/plugins/generate.py`.
struct Golden: Decodable {
  struct Distillation: Decodable {
    let temperature, alpha, loss: Double
    let student, teacher, gradient: [Double]
    let labels: [Int]
  }
  struct Quantization: Decodable {
    let bits, affineZero: Int
    let affineScale: Double
    let weight, scale: [Double]
    let integers, affine: [Int]
  }
  struct Percentiles: Decodable {
    struct Cut: Decodable { let percentile, low, high: Double }
    let values: [Double]
    let cuts: [Cut]
  }
  struct Spectrum: Decodable {
    struct Energy: Decodable {
      let share: Double
      let rank: Int
    }
    let weight, values, tails: [Double]
    let energy: [Energy]
  }
  struct Cubic: Decodable {
    let total: Int
    let initial, final: Double
    let sparsity: [Double]
  }
  struct Pruning: Decodable {
    let layers: [[Double]]
    let ratio: Double
    let layer, global: [[Bool]]
  }
  let distillation: [Distillation]
  let quantization: [Quantization]
  let percentiles: Percentiles
  let spectrum: Spectrum
  let cubic: [Cubic]
  let pruning: Pruning

  static func load() throws -> Golden {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Golden/plugins/values.json")
    return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
  }
}

extension Tensor {
  func floats() throws -> [Float] { try values(as: Float.self) }
  func largestDifference(from other: Tensor) throws -> Double { try (self - other).abs().max().item() }
}

extension Model {
  func zeros(of name: String) throws -> [Bool] { try parameter(named: name).value.dense().floats().map { $0 == 0 } }
  func weight(_ name: String) throws -> Tensor { try parameter(named: name).value.dense() }
}
