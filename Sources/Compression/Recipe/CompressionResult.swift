import Graph
import Training

/// What a step did.
public struct StepResult: Sendable {
  /// What happened to one layer.
  public struct Layer: Sendable {
    /// The layer's name in the model given to the step.
    public var name: String
    /// The ONNX operator.
    public var op: String
    /// Signal to noise of the layer's output against the step's input model, in dB; 200 means identical, nil that the
    /// two cannot be compared.
    public var errorDb: Double?
    /// Largest difference between the masked and the shrunk form, where the step cut the model.
    public var shrunkDifference: Double?
    /// What the layer's parameters take in the saved `.pare`, before the step.
    public var bytesBefore: Int
    /// That after the step, of all its factors together; 0 when the layer is gone.
    public var bytesAfter: Int
    /// Multiply-accumulates at batch 1 before the step; 0 when input sizes are not known.
    public var macsBefore: Int
    /// That after the step, of all its factors together; 0 when the layer is gone.
    public var macsAfter: Int
    /// "dense", "int", "csr", ... after the step.
    public var representation: String
  }

  /// The method.
  public var name: String
  /// As the script wrote them.
  public var text: String
  /// All of them, defaults included.
  public var arguments: LedgerValue
  /// Of the model given to the step.
  public var before: Measurement
  /// Of the model that the step made.
  public var after: Measurement
  /// The layers that had parameters before the step, in the order of the graph.
  public var layers: [Layer]
  /// The layers that the step left alone.
  public var skipped: [Skip]
  /// The lines that the method logged.
  public var log: [String]
  /// Epochs of the trainings inside the step.
  public var history: [EpochRecord]
  /// The front of a search.
  public var front: Front?
  /// Differences of the masked and the shrunk form, by layer.
  public var shrunk: [ShrunkCheck]
  /// Wall-clock seconds of the step, its measurements included.
  public var seconds: Double
}

/// What `compress` gives back: the model, what it was and is, and how it came about.
public struct CompressionResult: Sendable {
  /// The model after the last step, with the steps in its ledger.
  public var model: Model
  /// The model before the first step.
  public var baseline: Model
  /// Of the baseline.
  public var before: Measurement
  /// Of the model after the last step.
  public var after: Measurement
  /// One for each step of the recipe, in order.
  public var steps: [StepResult]
  /// The seed of the (first) run.
  public var seed: UInt64
  /// Wall-clock seconds from the first measurement on; of several seeds the sum.
  public var seconds: Double
  /// On the test part, before the first step.
  public var baselineEvaluation: Evaluation?
  /// On the test part, after the last step.
  public var evaluation: Evaluation?
  /// The names of the data's classes, in the order of labels; empty without data.
  public var classes: [String]
  /// The name of the data set; nil without data.
  public var dataName: String?
  /// With several seeds: the result of each, in the order of the seeds. The other fields are those of the first.
  public var runs: [CompressionResult]
}

/// Mean and spread of one number over several seeds.
public struct Spread: Sendable, Hashable {
  /// The arithmetic mean, in the figure's own unit.
  public var mean: Double
  /// Of the sample, with n - 1.
  public var deviation: Double
  /// Half the width of the 95% interval of the mean (Student's t).
  public var interval: Double

  /// - Parameter values: at least one.
  public init(_ values: [Double]) {
    let count = Double(values.count)
    let mean = values.reduce(0, +) / Swift.max(1, count)
    let variance = values.count > 1 ? values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1) : 0
    self.mean = mean
    deviation = variance.squareRoot()
    interval = values.count > 1 ? Self.quantile(values.count - 1) * (variance / count).squareRoot() : 0
  }

  /// The 97.5% quantile of Student's t, by degrees of freedom; interpolated in 1/n between the tabled ones.
  private static func quantile(_ freedom: Int) -> Double {
    let table: [(Int, Double)] = [
      (1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (6, 2.447), (7, 2.365), (8, 2.306), (9, 2.262),
      (10, 2.228), (12, 2.179), (15, 2.131), (20, 2.086), (30, 2.042), (60, 2.000), (.max, 1.960),
    ]
    guard let above = table.firstIndex(where: { $0.0 >= freedom }) else { return 1.960 }
    if table[above].0 == freedom || above == 0 { return table[above].1 }
    let (low, high) = (table[above - 1], table[above])
    let x = 1 / Double(freedom), a = 1 / Double(low.0), b = high.0 == .max ? 0 : 1 / Double(high.0)
    return high.1 + (low.1 - high.1) * (x - b) / (a - b)
  }
}

extension CompressionResult {
  /// The numbers of a measurement that scripts and tables name.
  public static let figures = ["accuracy", "loss", "parameters", "nonzeros", "macs", "bytes", "median_ms"]

  /// Those, and the caller's own metric where there is one.
  var knownFigures: [String] { after.metric == nil ? Self.figures : Self.figures + ["metric"] }

  /// Mean and spread over the runs of a figure after the last step; nil where a run has no such number.
  public func spread(of figure: String) -> Spread? {
    let values = (runs.isEmpty ? [self] : runs).map { $0.after[figure] }
    let known = values.compactMap { $0 }
    return known.count == values.count ? Spread(known) : nil
  }
}

extension Measurement {
  /// A figure by the name that scripts use (`CompressionResult.figures`); nil for one that was not measured.
  public subscript(_ figure: String) -> Double? {
    switch figure {
    case "accuracy": accuracy
    case "loss": loss
    case "parameters": Double(parameters)
    case "nonzeros": Double(nonzeros)
    case "macs": Double(macs)
    case "bytes": Double(bytes)
    case "median_ms": medianMs
    case "metric": metric
    default: nil
    }
  }
}
