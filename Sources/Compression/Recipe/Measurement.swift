import Graph
import Runtime
import Support
import Tensor
import Training

/// What a model is and does, as results and reports state it.
public struct Measurement: Sendable {
  /// On the test part, 0...1; nil without data.
  public var accuracy: Double?
  /// Mean cross-entropy on the test part, in nats; nil without data, or where targets are no classes.
  public var loss: Double?
  /// Elements of weights and biases, zeros included.
  public var parameters: Int
  /// Those that are not 0.
  public var nonzeros: Int
  /// Multiply-accumulates at batch 1; 0 when input sizes are not known.
  public var macs: Int
  /// What the parameters take in the saved `.pare`.
  public var bytes: Int
  /// Of the compiled session at batch 1 on this machine, in milliseconds; nil when it was not measured.
  public var medianMs: Double?
  /// What the caller's own metric says on the test part; nil without one.
  public var metric: Double?

  /// Takes the counters from `cost`; the caller's own metric is nil.
  public init(_ cost: Cost, accuracy: Double? = nil, loss: Double? = nil, medianMs: Double? = nil) {
    parameters = cost.parameters
    nonzeros = cost.nonzeros
    macs = cost.macs
    bytes = cost.bytes
    self.accuracy = accuracy
    self.loss = loss
    self.medianMs = medianMs
  }

  /// Parameters, nonzeros, MACs and bytes.
  public var cost: Cost { Cost(parameters: parameters, nonzeros: nonzeros, macs: macs, bytes: bytes) }
}

/// How much `compress` measures beside running the steps.
public struct CompressOptions {
  /// Accuracy on the test part before and after each step (where there is data).
  public var measuresAccuracy: Bool
  /// Latency of the compiled session before and after each step.
  public var measuresLatency: Bool
  /// Samples on which each layer's output error is measured; 0: none.
  public var errorSamples: Int
  /// Runs of a latency measurement.
  public var latencyRuns: Int
  /// A measure of the caller's own, from the outputs and targets of the whole test part.
  public var metric: ((_ outputs: Tensor, _ targets: Tensor) throws -> Double)?
  /// A folder that keeps what was finished; see `Journal`.
  public var autosave: String?
  /// Removes what `autosave` kept once the whole recipe is done.
  public var forgetsWhenDone = false
  /// Called after each step with the result so far: what an interrupt leaves.
  public var onStep: ((CompressionResult) -> Void)?

  /// Measures accuracy, latency and layer errors, and keeps nothing on disk, unless told otherwise.
  public init(
    measuresAccuracy: Bool = true, measuresLatency: Bool = true, errorSamples: Int = 64, latencyRuns: Int = 30,
    metric: ((Tensor, Tensor) throws -> Double)? = nil,
    autosave: String? = nil, onStep: ((CompressionResult) -> Void)? = nil
  ) {
    self.measuresAccuracy = measuresAccuracy
    self.measuresLatency = measuresLatency
    self.errorSamples = errorSamples
    self.latencyRuns = latencyRuns
    self.metric = metric
    self.autosave = autosave
    self.onStep = onStep
  }
}

/// Measures models for one run; accuracy is deterministic, latency is not and stays out of every file.
struct Meter {
  let data: Dataset?
  let options: CompressOptions

  func measure(_ model: Model) throws -> (measurement: Measurement, evaluation: Evaluation?) {
    // Without input sizes there are no multiply-accumulates to count.
    let cost = try (try? model.cost()) ?? model.storageCost()
    var evaluation: Evaluation?
    if options.measuresAccuracy, let data {
      evaluation = try Compression.evaluation(of: model, on: data.test.normalized(for: model), metric: options.metric)
    }
    let latency = options.measuresLatency ? try self.latency(model) : nil
    // Where targets are no classes there is no accuracy to speak of.
    func known(_ value: Double?) -> Double? { value.flatMap { $0.isNaN ? nil : $0 } }
    var measurement = Measurement(
      cost, accuracy: known(evaluation?.accuracy), loss: known(evaluation?.loss), medianMs: latency)
    if options.metric != nil { measurement.metric = evaluation?.value }
    return (measurement, evaluation)
  }

  private func latency(_ model: Model) throws -> Double? {
    guard model.hasFixedInput else { return nil }
    return try Session(model).benchmark(runs: options.latencyRuns).medianMs
  }
}
