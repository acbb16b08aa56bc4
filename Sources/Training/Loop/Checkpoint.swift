import Formats
import Glibc
import Graph
import OrderedCollections
import Support
import Tensor

/// All that a training needs to go on as if it had never stopped.
///
/// One safetensors file: the leaves (`leaf/NAME`), the optimizer's memory (`optimizer/SLOT/NAME`), the moving average
/// (`average/NAME`), the bytes of the model and of the best epoch's as `.pare` (`model`, `best`), and the rest as text
/// pairs. The order of samples, augmentation and dropout need no
/// state: they are drawn from the seed and the position alone.
struct Checkpoint {
  private static let version = "2"

  /// The options, data and first model that it belongs to.
  var identity: [String: String]
  var model: Model
  var leaves: [String: Tensor]
  var optimizer: OptimizerState
  var progress: Progress
  var history: [EpochRecord]
  /// Running statistics that are ahead of the interpreter's; written with the model.
  var statistics: [String: Tensor] = [:]
  var average: WeightAverage?
  var scaler: LossScaler?
  var best: EarlyStop.Best?
  /// The log's lines, and the processor time that the training took.
  var log: (lines: [String], seconds: Double) = ([], 0)

  /// Writes the file, whole or not at all.
  func write(to path: String) throws {
    var tensors: OrderedDictionary<String, Tensor> = [:]
    tensors["model"] = try Self.bytes(of: model)
    if let best { tensors["best"] = try Self.bytes(of: best.model) }
    if let average { for name in average.values.keys.sorted() { tensors["average/\(name)"] = average.values[name] } }
    for name in leaves.keys.sorted() { tensors["leaf/\(name)"] = leaves[name] }
    for (slot, values) in optimizer.slots.sorted(by: { $0.key < $1.key }) {
      for name in values.keys.sorted() { tensors["optimizer/\(slot)/\(name)"] = values[name] }
    }
    var texts = ["pare_checkpoint": Self.version, "progress": progress.text]
    for (name, value) in identity { texts["identity/\(name)"] = value }
    for (name, steps) in optimizer.steps { texts["steps/\(name)"] = "\(steps)" }
    texts["history"] = history.map(\.text).joined(separator: "\n")
    if let average { texts["average"] = "\(average.decay) \(average.steps)" }
    if let scaler { texts["scaler"] = scaler.text }
    if let best { texts["best"] = "\(best.epoch) \(best.value)" }
    texts["log"] = log.lines.joined(separator: "\n")
    texts["cpu_seconds"] = "\(log.seconds)"
    try Safetensors.save(tensors, to: path, metadata: texts)
  }

  init(
    identity: [String: String], model: Model, leaves: [String: Tensor], optimizer: OptimizerState, progress: Progress,
    history: [EpochRecord]
  ) {
    self.identity = identity
    self.model = model
    self.leaves = leaves
    self.optimizer = optimizer
    self.progress = progress
    self.history = history
  }

  /// Reads a checkpoint.
  ///
  /// - Throws: `PareError.notFound` or `.io` for the file, `.format` for one that is no checkpoint or is damaged.
  init(_ path: String) throws {
    func damaged(_ what: String) -> PareError {
      PareError(.format, "checkpoint: \(what)", expected: "a checkpoint that train wrote", file: path)
    }
    let texts = try Safetensors.metadata(path)
    guard texts["pare_checkpoint"] == Self.version else { throw damaged("not a checkpoint of version \(Self.version)") }
    let tensors = try Safetensors.load(path)
    guard let bytes = tensors["model"] else { throw damaged("no model") }
    model = try Self.model(of: bytes, path)
    guard let progress = texts["progress"].flatMap(Progress.init(text:)) else { throw damaged("no position") }
    self.progress = progress
    history = []
    for line in (texts["history"] ?? "").split(separator: "\n") {
      guard let record = EpochRecord(text: line) else { throw damaged("its history") }
      history.append(record)
    }
    guard history.count <= progress.epoch else { throw damaged("more epochs in its history than were finished") }
    identity = [:]
    optimizer = OptimizerState()
    for (key, value) in texts {
      if key.hasPrefix("identity/") { identity[String(key.dropFirst("identity/".count))] = value }
      guard key.hasPrefix("steps/") else { continue }
      guard let steps = Int(value), steps >= 0, steps < 1 << 53 else { throw damaged("steps of the optimizer") }
      optimizer.steps[String(key.dropFirst("steps/".count))] = steps
    }
    let expected = try model.trainableLeaves()
    leaves = [:]
    if let text = texts["average"] {
      let fields = text.split(separator: " ")
      guard fields.count == 2, let decay = Double(fields[0]), decay > 0, decay < 1, let steps = Int(fields[1]), steps >= 0,
        steps < 1 << 53
      else { throw damaged("its average of weights") }
      average = WeightAverage(decay: decay, [:])
      average?.steps = steps
    }
    for (key, tensor) in tensors where key != "model" && key != "best" {
      let parts = key.split(separator: "/", maxSplits: key.hasPrefix("optimizer/") ? 2 : 1).map(String.init)
      guard parts.count >= 2, let name = parts.last else { throw damaged("tensor '\(key)'") }
      func fit(_ other: Tensor?) throws {
        guard let other, tensor.shape == other.shape, tensor.dtype == other.dtype else {
          throw damaged("tensor '\(key)' does not fit the model")
        }
      }
      switch parts[0] {
      case "leaf":
        try fit(expected[name])
        leaves[name] = tensor
      case "average":
        try fit(expected[name] ?? model.parameters[name]?.value.dense())
        average?.values[name] = tensor
      case "optimizer" where parts.count == 3:
        try fit(expected[name])
        optimizer.slots[parts[1], default: [:]][name] = tensor
      default: throw damaged("tensor '\(key)'")
      }
    }
    guard leaves.count == expected.count else { throw damaged("parameters are missing") }
    if let average, !leaves.keys.allSatisfy({ average.values[$0] != nil }) { throw damaged("averages are missing") }
    if let text = texts["scaler"] {
      guard let scaler = LossScaler(text: text) else { throw damaged("its loss scale") }
      self.scaler = scaler
    }
    if let text = texts["best"] {
      let fields = text.split(separator: " ")
      guard fields.count == 2, let epoch = Int(fields[0]), let value = Double(fields[1]), (1...max(1, progress.epoch)).contains(epoch),
        let bytes = tensors["best"]
      else { throw damaged("its best epoch") }
      best = EarlyStop.Best(epoch: epoch, value: value, model: try Self.model(of: bytes, path))
    }
    guard let seconds = Double(texts["cpu_seconds"] ?? "0"), seconds >= 0, seconds.isFinite else { throw damaged("its time") }
    log = ((texts["log"] ?? "").split(separator: "\n").map(String.init), seconds)
  }

  private static func bytes(of model: Model) throws -> Tensor {
    try ScratchFile.with { scratch in
      try PareFile.save(model, to: scratch)
      return try FileBytes(scratch).withBytes { try Tensor(bytes: $0, shape: Shape([$0.count]), dtype: .u8) }
    }
  }

  private static func model(of bytes: Tensor, _ path: String) throws -> Model {
    guard bytes.dtype == .u8 else {
      throw PareError(.format, "checkpoint: the model is not bytes", expected: "a checkpoint that train wrote", file: path)
    }
    return try ScratchFile.with { scratch in
      try bytes.withBytes { bytes in try AtomicFile.write(to: scratch) { try $0(bytes) } }
      do { return try PareFile.load(scratch) } catch var error as PareError {
        error.file = path
        throw error
      }
    }
  }
}

/// A file for a moment: formats are read and written by path.
private enum ScratchFile {
  /// Runs `body` with the path of an empty file in the system's folder for such, which is removed afterwards.
  static func with<R>(_ body: (String) throws -> R) throws -> R {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(folder)/pare-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else {
      throw PareError(.io, "cannot make a file in '\(folder)': \(String(cString: strerror(errno)))", file: folder)
    }
    close(descriptor)
    let path = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
    defer { unlink(path) }
    return try body(path)
  }
}

extension EpochRecord {
  /// The fields in order, "-" for one that is not known.
  var text: String {
    let values = [lr, loss] + [accuracy, validationLoss, validationAccuracy].map { $0 ?? .nan }
    return "\(epoch) " + values.map { $0.isNaN ? "-" : "\($0)" }.joined(separator: " ") + " \(skippedSteps)"
  }

  init?(text: Substring) {
    let fields = text.split(separator: " ")
    guard fields.count == 7, let epoch = Int(fields[0]), let lr = Double(fields[1]), let loss = Double(fields[2]),
      fields[3..<6].allSatisfy({ $0 == "-" || Double($0) != nil }), let skipped = Int(fields[6]), skipped >= 0
    else { return nil }
    self.init(
      epoch: epoch, lr: lr, loss: loss, accuracy: Double(fields[3]), validationLoss: Double(fields[4]),
      validationAccuracy: Double(fields[5]), skippedSteps: skipped)
  }
}
