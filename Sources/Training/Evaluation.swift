import Glibc
import Graph
import Support
import Tensor

/// What a model does on a data part.
public struct Evaluation: Sendable {
  /// The metric asked for; accuracy by default.
  public var value: Double
  /// The share of samples whose greatest output is that of their class; NaN where targets are no classes.
  public var accuracy: Double
  /// The share of samples whose class is among the five greatest outputs; NaN where targets are no classes.
  public var top5: Double
  /// The mean cross-entropy, in nats; NaN where targets are no classes.
  public var loss: Double
  /// The number of samples of the part.
  public var samples: Int
  /// Accuracy on the samples of each class; NaN for a class without samples.
  public var perClass: [Double]
  /// `confusion[c][p]`: how many samples of class `c` got the answer `p`.
  public var confusion: [[Int]]
}

/// Runs `model` over `part` and compares its output with the targets.
///
/// The data comes under the normalization that the model was trained with; see `DataPart.normalized(for:)`. No tape is
/// kept. Sums are f64 in the order of samples, so the result depends on the batch only through the model's arithmetic.
///
/// - Parameters:
///   - model: one input, and one output of class scores `[N, C]`, or of maps of them `[N, C, ...]` whose labels are
///     `[N, ...]` and count place by place; with a `metric`, any output.
///   - metric: gets the outputs and targets of the whole part, once; nil is accuracy.
///   - batch: samples that are run at a time.
///   - title: what a progress bar is called; nil shows none.
///   - run: computes the outputs of a batch of inputs in the model's place, such as a compiled session.
/// - Throws: `PareError.argument` for an empty part or labels beyond the model's classes, `.shape` for outputs that are
///   not `[N, C]`, `.interrupted`.
public func evaluate(
  _ model: Model, on part: DataPart, metric: ((_ outputs: Tensor, _ targets: Tensor) throws -> Double)? = nil,
  batch: Int = 256, title: String? = nil, run: ((Tensor) throws -> Tensor)? = nil
) throws -> Evaluation {
  let part = try part.normalized(for: model)
  let batches = try part.batches(size: batch)
  guard batches.count > 0 else {
    throw PareError(.argument, "evaluate: part", argument: "part", expected: "at least one sample", got: "an empty \(part.role.rawValue) part")
  }
  let forward = try run ?? Forward(model).callAsFunction
  var tally = ClassificationTally()
  var outputs: [Tensor] = []
  var targets: [Tensor] = []
  let bar = title.map { ProgressBar($0, total: part.count) }
  defer { bar?.end() }
  try Tensor.withoutGradient {
    for index in 0..<batches.count {
      try Interrupt.check()
      let batch = try batches[index]
      let output = try forward(batch.x)
      if try metric == nil || batch.isClassification(outputs: output) { try tally.add(output, batch) }
      if metric != nil {
        outputs.append(output.detached())
        targets.append(batch.y)
      }
      bar?.update(min(part.count, (index + 1) * batches.size))
    }
  }
  var result = tally.evaluation(samples: part.count)
  if let metric { result.value = try metric(Tensor.concat(outputs, axis: 0), Tensor.concat(targets, axis: 0)) }
  return result
}

/// A model of one input and one output as a function.
struct Forward {
  private let interpreter: Interpreter
  private let input: String
  private let output: String

  init(_ model: Model) throws {
    input = try model.soleInput()
    guard let output = model.outputs.first?.name else {
      throw PareError(.argument, "the model has no output", argument: "model", expected: "at least one output")
    }
    self.output = output
    interpreter = try Interpreter(model)
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    guard let value = try interpreter.run([input: x]).outputs[output] else {
      throw PareError(.internal, "the interpreter gave no output '\(output)'")
    }
    return value
  }
}

extension Model {
  /// Returns the name of the one input that batches go into.
  ///
  /// - Throws: `PareError.unsupported` naming the inputs of a model with several.
  func soleInput() throws -> String {
    guard inputs.count == 1 else {
      throw PareError(
        .unsupported, "data sets feed models with one input", argument: "model", expected: "one input",
        got: inputs.isEmpty ? "none" : inputs.map(\.name).joined(separator: ", "))
    }
    return inputs[0].name
  }
}

/// Counts of right and wrong answers, kept over batches.
struct ClassificationTally {
  private(set) var samples = 0
  private(set) var correct = 0
  private var inTop5 = 0
  private var loss = 0.0
  private var confusion: [[Int]] = []

  /// How many of a batch's answers are right, of how many; the first of equal greatest scores is the answer.
  static func answers(_ outputs: Tensor, _ batch: Batch) throws -> (counted: Int, correct: Int) {
    let rows = try batch.rows(outputs)
    let classes = rows.scores.shape[1]
    let correct = try rows.scores.converted(to: .f32).withBytes { bytes in
      try rows.labels.withBytes { labels in
        let scores = bytes.bindMemory(to: Float.self), labels = labels.bindMemory(to: Int64.self)
        var correct = 0
        for row in 0..<labels.count {
          var answer = 0
          for index in 1..<classes where scores[row * classes + index] > scores[row * classes + answer] { answer = index }
          if Int64(answer) == labels[row] { correct += 1 }
        }
        return correct
      }
    }
    return (rows.labels.count, correct)
  }

  /// Counts a batch.
  ///
  /// - Parameter outputs: class scores `[N, C]` or `[N, C, ...]`; the first of equal greatest scores is the answer.
  mutating func add(_ outputs: Tensor, _ batch: Batch) throws {
    guard outputs.rank >= 2, outputs.shape[0] == batch.count, outputs.shape[1] > 0 else {
      throw PareError(
        .shape, "class scores", expected: "[\(batch.count), classes]", got: "\(outputs.shape.dimensions)",
        suggestion: "give a metric of your own for other outputs")
    }
    let classes = outputs.shape[1]
    if confusion.isEmpty { confusion = .init(repeating: .init(repeating: 0, count: classes), count: classes) }
    let rows = try batch.rows(outputs.detached())
    let labels = try rows.labels.values(as: Int64.self)
    let scores = try rows.scores.values(as: Float.self)
    for (row, label) in labels.enumerated() {
      guard let label = Int(exactly: label), (0..<classes).contains(label) else {
        throw PareError(
          .argument, "label of sample \(samples)", argument: "y", expected: "0..<\(classes), the model's classes",
          got: "\(label)")
      }
      add(scores[row * classes..<(row + 1) * classes], label)
    }
  }

  private mutating func add(_ scores: ArraySlice<Float>, _ label: Int) {
    let start = scores.startIndex
    let own = scores[start + label]
    var answer = start
    var above = 0
    for index in scores.indices {
      if scores[index] > scores[answer] { answer = index }
      if scores[index] > own || (scores[index] == own && index < start + label) { above += 1 }
    }
    let greatest = Double(scores[answer])
    let sum = scores.reduce(0.0) { $0 + exp(Double($1) - greatest) }
    loss += greatest + log(sum) - Double(own)
    samples += 1
    confusion[label][answer - start] += 1
    if answer == start + label { correct += 1 }
    // A row that holds NaN has no ranking.
    if above < 5, !sum.isNaN { inTop5 += 1 }
  }

  func evaluation(samples count: Int) -> Evaluation {
    let n = samples > 0 ? Double(samples) : .nan
    let perClass = confusion.enumerated().map { label, answers in
      let total = answers.reduce(0, +)
      return total > 0 ? Double(answers[label]) / Double(total) : .nan
    }
    let accuracy = Double(correct) / n
    return Evaluation(
      value: accuracy, accuracy: accuracy, top5: Double(inTop5) / n, loss: loss / n, samples: count,
      perClass: perClass, confusion: confusion)
  }
}
