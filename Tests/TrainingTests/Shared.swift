import Foundation
import Graph
import Support
import Tensor
import Testing
import Training

/// The numbers that Tests/Golden/training/generate.py draws, bit for bit.
enum Noise {
  /// 64-bit words 0..<count of the stream `name`: splitmix64 of FNV-1a(name) + index.
  static func words(_ name: String, _ count: Int) -> [UInt64] {
    let start = Philox.stream(named: name)
    return (0..<count).map { index in
      var z = start &+ UInt64(index + 1) &* 0x9E37_79B9_7F4A_7C15
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// Numbers in [-1, 1) with 24 random bits.
  static func values(_ name: String, _ count: Int) -> [Double] {
    words(name, count).map { Double($0 >> 40) * 0x1p-23 - 1 }
  }

  static func tensor(_ name: String, _ shape: [Int], scale: Float = 1) throws -> Tensor {
    let shape = try Shape(shape)
    return try Tensor(values(name, shape.count).map { scale * Float($0) }, shape: shape)
  }
}

/// A file of Tests/Golden/training.
func golden<Value: Decodable>(_ name: String, as: Value.Type) throws -> Value {
  let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  let data = try Data(contentsOf: tests.appendingPathComponent("Golden/training/\(name)"))
  return try JSONDecoder().decode(Value.self, from: data)
}

/// Compares element by element and names the worst one.
func expectClose(
  _ values: [Double], _ expected: [Double], absolute: Double = 0, relative: Double = 0, _ what: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard values.count == expected.count else {
    Issue.record("\(what): \(values.count) values, expected \(expected.count)", sourceLocation: sourceLocation)
    return
  }
  let faults = zip(values, expected).map { abs($0 - $1) / (absolute + relative * abs($1)) }
  if let worst = faults.indices.max(by: { faults[$0] < faults[$1] }), !(faults[worst] <= 1) {
    Issue.record(
      "\(what)[\(worst)]: \(values[worst]), expected \(expected[worst])", sourceLocation: sourceLocation)
  }
}

/// Runs `body` and returns the Pare error that it must throw.
func pareError(sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void) -> PareError? {
  do { try body() } catch let error as PareError { return error } catch {
    Issue.record("another error: \(error)", sourceLocation: sourceLocation)
    return nil
  }
  Issue.record("no error was thrown", sourceLocation: sourceLocation)
  return nil
}

/// Runs `body` with the path of a new folder, which is removed afterwards.
func withFolder<R>(_ body: (String) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pare-training-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}

extension Model {
  /// Every parameter as the bits of its values.
  func bits() throws -> [String: [UInt32]] {
    var result: [String: [UInt32]] = [:]
    for (name, parameter) in parameters where try parameter.value.dense().dtype == .f32 {
      result[name] = try parameter.value.dense().values(as: Float.self).map(\.bitPattern)
    }
    return result
  }
}

/// A small convolutional network with batch normalization for 8 x 8 images.
func smallNet(seed: UInt64 = 0, input: [Int]? = [1, 8, 8]) throws -> Model {
  try NN.sequential([
    NN.conv2d(inChannels: 1, outChannels: 4, kernel: [3, 3], padding: [1, 1], name: "conv"),
    NN.batchnorm2d(channels: 4, name: "bn"), NN.relu(), NN.maxpool2d(kernel: [2, 2]), NN.flatten(),
    NN.linear(inFeatures: 64, outFeatures: 10, name: "fc"),
  ], input: input, seed: seed)
}

/// A hundred generated images.
func smallData(size: Int = 100) throws -> Dataset {
  var options = DatasetOptions()
  options.size = size
  options.normalize = .given(Normalization(mean: [0.5], deviation: [0.25]))
  return try Dataset.load("synthetic", options: options)
}
