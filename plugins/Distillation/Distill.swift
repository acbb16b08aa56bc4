import PareKit

/// Trains a student to imitate a teacher, under everything that earlier steps established in the student.
public struct Distill: CompressionMethod {
  public static let entry = Entry(
    name: "distill", summary: "Trains a student to imitate a teacher", reference: "Hinton et al. 2015",
    parameters: [
      .model("teacher", default: "input", or: ["input"], doc: "The teacher; \"input\" is the model given to the recipe"),
      .model("student", optional: true, doc: "The student; default the model given to this step"),
      .entries("loss", kind: .loss, default: "kd", doc: "How far the student is from the teacher; a list is a weighted sum"),
      .number("temperature", allowed: ParameterRange(minimum: 0, includesMinimum: false), optional: true,
        doc: "Temperature of the losses that have one and do not say their own"),
      .number("alpha", in: 0...1, optional: true, doc: "Weight of the teacher in the losses that have one and do not say their own"),
    ] + TrainingOptions.finetuningParameters)
  private let teacher: Model?
  private let student: Model?
  private let losses: [(loss: any DistillationLoss, weight: Double)]
  private let arguments: Arguments

  /// Gives each loss the step's `temperature` and `alpha`, where it declares them and was not given its own.
  ///
  /// - Throws: `argument` for a `temperature` or `alpha` that no loss declares.
  public init(_ arguments: Arguments) throws {
    teacher = try arguments.optionalModel("teacher")
    student = try arguments.optionalModel("student")
    losses = try Self.losses(arguments)
    self.arguments = arguments
  }

  /// The losses, with the step's temperature and alpha where they take one and were not given their own.
  private static func losses(_ arguments: Arguments) throws -> [(any DistillationLoss, Double)] {
    let entries: [EntryValue]
    switch try arguments.value("loss") {
    case .entry(let entry)?: entries = [entry]
    case .mix(let mix)?: entries = mix
    default: entries = []
    }
    let shared = ["temperature", "alpha"].filter { arguments.isGiven($0) }
    for name in shared where !entries.contains(where: { $0.registration.entry.parameter(name) != nil }) {
      throw PareError(
        .argument, "no loss of this distill step has the parameter '\(name)'", argument: name,
        got: entries.map(\.name).joined(separator: ", "))
    }
    return try entries.map { entry in
      var values: [String: Value] = [:]
      for (name, value) in entry.arguments.values where entry.arguments.isGiven(name) { values[name] = value }
      for name in shared where values[name] == nil && entry.registration.entry.parameter(name) != nil {
        values[name] = try arguments.value(name)
      }
      let remade = try Arguments(entry.registration.entry, values)
      let full = entry.arguments.payload.map { remade.carrying($0) } ?? remade
      return (try EntryValue(entry.registration, full).make(as: (any DistillationLoss).self), entry.weight)
    }
  }

  /// Trains the student, the step's model unless another is given, on the training part; the teacher runs on each batch.
  ///
  /// - Throws: `unsupported` for a teacher of several inputs or without output; `argument` without data, or without a loss;
  ///   what training throws.
  public func apply(_ model: Model, _ context: Context) throws -> Model {
    let teacher = teacher ?? context.baseline
    let student = student ?? model
    var options = try TrainingOptions(finetuning: arguments, seed: context.seed, title: "distill")
    options.loss = try trainingLoss(teacher: teacher, student: student)
    return try context.train(student, options)
  }

  /// The weighted sum of the losses, with the teacher run on each batch.
  package func trainingLoss(teacher: Model, student: Model) throws -> TrainingLoss {
    let interpreter = try Interpreter(teacher)
    guard let input = teacher.inputs.first?.name, teacher.inputs.count == 1, let output = teacher.outputs.first?.name else {
      throw PareError(.unsupported, "a teacher has one input and an output", argument: "teacher", got: "\(teacher.inputs.count) inputs")
    }
    let losses = try losses.map { (loss: $0.loss, weight: $0.weight, taps: try $0.loss.taps(student: student, teacher: teacher)) }
    let taps = losses.flatMap(\.taps)
    func named(_ names: [String]) -> [String] { Set(names).sorted() }
    return TrainingLoss(taps: named(taps.map(\.student))) { execution, batch in
      let taught = try Tensor.withoutGradient { try interpreter.run([input: batch.x], taps: named(taps.map(\.teacher))) }
      guard let logits = taught.outputs[output] else { throw PareError(.internal, "the teacher gave no output") }
      let own = try execution.output()
      let labels = batch.y.rank == 1 && !batch.y.dtype.isFloating ? try batch.labels() : nil
      var total: Tensor?
      for (loss, weight, taps) in losses {
        let part = try loss.value(
          student: ModelOutputs(logits: own, taps: taps.compactMap { execution.taps[$0.student] }),
          teacher: ModelOutputs(logits: logits, taps: taps.compactMap { taught.taps[$0.teacher] }),
          labels: labels)
        let weighted = weight == 1 ? part : try part * weight
        total = try total.map { try $0 + weighted } ?? weighted
      }
      guard let total else { throw PareError(.argument, "distill needs a loss", argument: "loss", expected: "at least one") }
      return total
    }
  }
}
