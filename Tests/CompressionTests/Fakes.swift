import Compression
import Graph
import OrderedCollections
import Support
import Synchronization
import Tensor
import Training

/// Halves every weight: the smallest method that changes something.
struct Halve: CompressionMethod {
  static let entry = Entry(
    name: "halve", summary: "Halves weights", parameters: [
      .number("factor", default: 0.5, in: 0...1, doc: "What weights are multiplied with"),
      .list("layers", optional: true, doc: "Names; all when absent"),
      .entry("criterion", kind: .criterion, default: "size", doc: "Not used, but checked"),
    ])
  let factor: Double
  let layers: [String]?

  init(_ arguments: Arguments) throws {
    factor = try arguments.number("factor")
    layers = try arguments.optionalList("layers")?.compactMap(\.asString)
  }

  func apply(_ model: Model, _ context: Context) throws -> Model {
    var values: [String: Tensor] = [:]
    for layer in try model.layerViews() {
      if let layers, !layers.contains(layer.name) {
        context.skip(layer.name, "not asked for")
        continue
      }
      values[layer.weightName] = try layer.stored(layer.weight * factor)
    }
    return try model.with(values)
  }
}

/// A method that looks at what it must not see.
struct Peek: CompressionMethod {
  static let entry = Entry(name: "peek", summary: "Reads the test part")
  init(_ arguments: Arguments) throws {}
  func apply(_ model: Model, _ context: Context) throws -> Model {
    _ = try context.data.test.all()
    return model
  }
}

/// Trains one epoch; later steps run its callback too.
struct Warm: CompressionMethod {
  static let entry = Entry(
    name: "warm", summary: "Trains", parameters: [.integer("epochs", default: 1, in: 0...10)])
  let epochs: Int
  init(_ arguments: Arguments) throws { epochs = try arguments.integer("epochs") }
  func apply(_ model: Model, _ context: Context) throws -> Model {
    guard epochs > 0 else { return model }
    var options = TrainingOptions()
    options.epochs = epochs
    options.seed = context.seed
    return try context.train(model, options)
  }
}

/// The absolute value, like magnitude; two parameters to check arguments with.
struct Size: ImportanceCriterion {
  static let entry = Entry(
    name: "size", summary: "The absolute value", reference: "own",
    parameters: [.number("power", default: 1, in: 0...4), .choice("reduce", among: ["sum", "mean", "max"], default: "sum")])
  let power: Double
  init(_ arguments: Arguments) throws { power = try arguments.number("power") }
  func score(_ layer: LayerView, _ context: Context) throws -> Tensor { try layer.weight.abs().pow(power) }
}

/// Two losses, for mixes.
struct Soft: DistillationLoss {
  static let entry = Entry(name: "soft", summary: "Difference of logits", parameters: [.number("temperature", default: 4)])
  init(_ arguments: Arguments) throws {}
  func value(student: ModelOutputs, teacher: ModelOutputs, labels: Tensor?) throws -> Tensor {
    try (student.logits - teacher.logits).abs().mean()
  }
}

struct Mixed: CompressionMethod {
  static let entry = Entry(
    name: "mixed", summary: "Takes a mix", parameters: [
      .entries("loss", kind: .loss, default: "soft"), .model("teacher", default: "input", or: ["input"]),
      .integer("steps", in: 1...5, optional: true), .table("budget", optional: true), .boolean("hard", default: false),
      .string("note", default: ""), .tensor("mask", optional: true), .function("each", optional: true),
      .number("share", in: 0..<1, optional: true), .choice("mode", among: ["fast", "slow"], default: "fast"),
    ])
  let losses: [(extension: any DistillationLoss, weight: Double)]
  init(_ arguments: Arguments) throws { losses = try arguments.entries("loss") }
  func apply(_ model: Model, _ context: Context) throws -> Model { model }
}

enum Fixture {
  static func registry() throws -> Registry {
    let registry = Registry()
    try Plugin(Halve.self, Peek.self, Warm.self, Size.self, Soft.self, Mixed.self)
      .register(in: registry, family: "test", origin: .builtIn)
    return registry
  }

  /// 1x4x4 images to 3 classes: a convolution, a linear layer.
  static func model(seed: UInt64 = 0) throws -> Model {
    func weights(_ count: Int, _ name: String) -> [Float] {
      var random = RandomSource(seed: seed, name: name)
      return (0..<count).map { _ in Float(random.uniform() - 0.5) }
    }
    let parameters: OrderedDictionary<String, Parameter> = [
      "conv.weight": Parameter("conv.weight", try Tensor(weights(36, "c"), shape: Shape([4, 1, 3, 3]))),
      "conv.bias": Parameter("conv.bias", try Tensor(weights(4, "b"), shape: Shape([4]))),
      "fc.weight": Parameter("fc.weight", try Tensor(weights(192, "f"), shape: Shape([3, 64]))),
      "fc.bias": Parameter("fc.bias", try Tensor(weights(3, "g"), shape: Shape([3]))),
    ]
    let batch = Dimension.symbol("N")
    return Model(
      inputs: [Port("x", ValueType(.f32, [batch, 1, 4, 4]))], outputs: [Port("y", ValueType(.f32, [batch, 3]))],
      nodes: [
        Node(name: "conv", op: "Conv", inputs: ["x", "conv.weight", "conv.bias"], outputs: ["h"],
             attributes: ["pads": .ints([1, 1, 1, 1]), "kernel_shape": .ints([3, 3])]),
        Node(name: "relu", op: "Relu", inputs: ["h"], outputs: ["r"]),
        Node(name: "flat", op: "Flatten", inputs: ["r"], outputs: ["f"]),
        Node(name: "fc", op: "Gemm", inputs: ["f", "fc.weight", "fc.bias"], outputs: ["y"], attributes: ["transB": .int(1)]),
      ], parameters: parameters)
  }

  /// Noise with one bright row per class.
  static func data(_ count: Int = 60) throws -> Dataset {
    func part(_ role: DataPart.Role, _ name: String, _ count: Int) throws -> DataPart {
      var random = RandomSource(seed: 7, name: name)
      var pixels: [Float] = [], labels: [Int64] = []
      for _ in 0..<count {
        let label = random.integer(below: 3)
        labels.append(Int64(label))
        for row in 0..<4 { for _ in 0..<4 { pixels.append(Float(random.uniform()) + (row == label ? 1 : 0)) } }
      }
      return try DataPart(role, x: Tensor(pixels, shape: Shape([count, 1, 4, 4])), y: Tensor(labels, shape: Shape([count])))
    }
    return try Dataset(
      name: "rows", train: part(.train, "a", count), validation: part(.validation, "b", 20), test: part(.test, "c", 30),
      classes: ["zero", "one", "two"])
  }
}

/// A value behind a lock.
final class Locked<Value: Sendable>: Sendable {
  private let value: Mutex<Value>
  init(_ value: Value) { self.value = Mutex(value) }
  func get() -> Value { value.withLock { $0 } }
  func change(_ body: (inout Value) -> Void) { value.withLock { body(&$0) } }
}
