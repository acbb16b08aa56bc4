import Glibc
import Graph
import Support
import Tensor
import Training

/// Pare's version, as ledgers record it.
public let pareVersion = "0.1.0"

/// Runs a recipe.
///
/// Each step gets the model that the one before it made; what comes back is verified, measured, and written into the
/// model's ledger. The model and its ledger depend on model, recipe, data, seed and thread count alone.
///
/// - Parameters:
///   - data: `nil` for recipes that need none; accuracy is then not measured.
///   - seed: of the first run.
///   - runs: how many seeds: `seed ..< seed + runs`.
/// - Throws: the step's error with `step`, `method` and, where known, `layer`; `nothing_changed` for a step that gave
///   its model back as it was; `interrupted`, after `options.onStep` saw the last consistent model.
public func compress(
  _ model: Model, _ recipe: Recipe, data: Dataset? = nil, seed: UInt64 = 0, runs: Int = 1,
  options: CompressOptions = CompressOptions()
) throws -> CompressionResult {
  guard !recipe.steps.isEmpty else { throw PareError(.argument, "the recipe has no step", argument: "recipe") }
  guard (1...10_000).contains(runs) else {
    throw PareError(.argument, "compress: runs", argument: "runs", expected: "1...10000", got: "\(runs)")
  }
  let results = try (0..<runs).map { run in
    try RecipeRun(model, recipe, data, seed &+ UInt64(run), options).result()
  }
  var result = results[0]
  if runs > 1 {
    result.runs = results
    result.seconds = results.reduce(0) { $0 + $1.seconds }
  }
  return result
}

/// One run of a recipe with one seed.
private struct RecipeRun {
  let baseline: Model
  let recipe: Recipe
  let data: Dataset?
  let seed: UInt64
  let options: CompressOptions
  let meter: Meter

  init(_ model: Model, _ recipe: Recipe, _ data: Dataset?, _ seed: UInt64, _ options: CompressOptions) throws {
    // A model that knows no input sizes takes them from the first data that it meets.
    if let data, model.inputs.count == 1, !model.hasFixedInput, !data.inputShape.isEmpty {
      baseline = try model.with(inputShapes: [model.inputs[0].name: [0] + data.inputShape])
    } else {
      baseline = model
    }
    self.recipe = recipe
    self.data = try data?.normalized(for: model)
    self.seed = seed
    self.options = options
    meter = Meter(data: self.data, options: options)
  }

  func result() throws -> CompressionResult {
    let started = now()
    try baseline.verified()
    let (before, evaluation) = try meter.measure(baseline)
    var result = CompressionResult(
      model: baseline, baseline: baseline, before: before, after: before, steps: [], seed: seed, seconds: 0,
      evaluation: evaluation, classes: data?.classes ?? [], dataName: data?.name, runs: [])
    result.baselineEvaluation = evaluation
    var callbacks: [TrainingCallbacks] = []
    // The hash of the model that the next step is given.
    var hash = try baseline.hash()
    let journal = try options.autosave.map { try Journal($0, baseline, hash, recipe, data, seed: seed) }
    let finished = journal?.finished(of: recipe.steps.count) ?? []
    for (step, kept) in zip(recipe.steps, finished) {
      if let own = try step.method().callbacks { callbacks.append(own) }
      result.steps.append(kept.step)
      result.model = kept.model
      result.after = kept.step.after
    }
    if !finished.isEmpty {
      hash = try result.model.hash()
      Console.note("compress goes on after step \(finished.count) of \(recipe.steps.count), from '\(journal?.folder ?? "")'")
      result.evaluation = try meter.measure(result.model).evaluation
    }
    for (index, step) in recipe.steps.enumerated().dropFirst(finished.count) {
      do {
        try Interrupt.check()
        try run(step, index + 1, journal, &hash, &result, &callbacks)
        if let journal, let last = result.steps.last { try journal.keep(index + 1, last, result.model) }
      } catch let error as PareError {
        throw error.located(step: index + 1, method: step.name)
      }
      result.seconds = now() - started
      options.onStep?(result)
    }
    if options.forgetsWhenDone, let journal { Folders.remove(journal.folder) }
    return result
  }

  private func run(
    _ step: Step, _ number: Int, _ journal: Journal?, _ hash: inout String, _ result: inout CompressionResult,
    _ callbacks: inout [TrainingCallbacks]
  ) throws {
    let started = now(), model = result.model
    let method = try step.method()
    if let own = method.callbacks { callbacks.append(own) }
    let context = try Context(
      model, baseline: baseline, data: data, seed: seed, step: number, method: step.name, needs: method.needs,
      callbacks: callbacks)
    context.journal = journal?.trainings(of: number)
    var changed = try method.apply(model, context)
    do { try changed.verified() } catch let error as PareError {
      throw PareError(.internal, "\(step.name) made a faulty model: \(error)", layer: error.layer, op: error.op)
    }
    let parent = hash
    hash = try changed.hash()
    guard hash != parent else { throw nothingChanged(step, context) }

    let (after, evaluation) = try meter.measure(changed)
    let arguments = try step.arguments.recorded()
    changed.ledger = model.ledger + [
      LedgerEntry(
        method: step.name, arguments: arguments, seed: seed, version: pareVersion, parent: parent,
        before: .init(result.after.cost, accuracy: result.after.accuracy), after: .init(after.cost, accuracy: after.accuracy))
    ]
    result.steps.append(
      StepResult(
        name: step.name, text: step.description, arguments: arguments, before: result.after, after: after,
        layers: try layers(model, changed, context), skipped: context.record.skipped, log: context.record.log,
        history: context.record.history, front: context.record.front, shrunk: context.record.shrunk,
        seconds: now() - started))
    result.model = changed
    result.after = after
    result.evaluation = evaluation
  }

  private func nothingChanged(_ step: Step, _ context: Context) -> PareError {
    let reasons = context.record.skipped.prefix(3).map { "\($0.layer): \($0.reason)" }
    return PareError(
      .nothingChanged, "\(step) changed nothing",
      suggestion: reasons.isEmpty ? nil : "layers were left alone (\(reasons.joined(separator: "; ")))")
  }

  private func layers(_ before: Model, _ after: Model, _ context: Context) throws -> [StepResult.Layer] {
    var errors: [String: Double] = [:]
    if options.errorSamples > 0, data != nil || before.inputs.allSatisfy({ $0.type.shape != nil }) {
      let inputs = try context.errorInputs(for: before, samples: options.errorSamples)
      errors = try LayerErrors.decibels(before: before, after: after, masked: context.record.masked, on: inputs)
    }
    let differences = Dictionary(context.record.shrunk.map { ($0.layer, $0.difference) }, uniquingKeysWith: max)
    let later = Dictionary(grouping: try after.layers(), by: { $0.origin ?? $0.name })
    return try before.layers().filter { $0.parameters > 0 }.map { layer in
      let parts = later[layer.name] ?? []
      return StepResult.Layer(
        name: layer.name, op: layer.op, errorDb: errors[layer.name], shrunkDifference: differences[layer.name],
        bytesBefore: layer.bytes, bytesAfter: parts.reduce(0) { $0 + $1.bytes }, macsBefore: layer.macs,
        macsAfter: parts.reduce(0) { $0 + $1.macs },
        representation: parts.first { !$0.representation.isEmpty }?.representation ?? "")
    }
  }

  private func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

extension Model {
  /// True when every axis of every input but the first has a size.
  var hasFixedInput: Bool {
    inputs.allSatisfy { $0.type.shape?.dropFirst().allSatisfy { $0.value != nil } ?? false }
  }
}
