import Graph
import Training

/// What a step did.
public struct StepResult: Sendable {
  /// What happened to one layer.
  public struct Layer: Sendable {
    public var name: String
    public var op: String
    /// Signal to noise of the layer's output against the step's input model, in dB; 200 means identical, nil that the
    /// two cannot be compared.
    public var errorDb: Double?
    /// Largest difference between the masked and the shrunk form, where the step cut the model.
    public var shrunkDifference: Double?
    public var bytesBefore: Int
    public var bytesAfter: Int
    public var macsBefore: Int
    public var macsAfter: Int
    /// "dense", "int", "csr", ... after the step.
    public var representation: String
  }

  public var name: String
  /// As the script wrote them.
  public var text: String
  /// All of them, defaults included.
  public var arguments: LedgerValue
  public var before: Measurement
  public var after: Measurement
  public var layers: [Layer]
  public var skipped: [Skip]
  public var log: [String]
  /// Epochs of the trainings inside the step.
  public var history: [EpochRecord]
  /// The front of a search.
  public var front: Front?
  /// Differences of the masked and the shrunk form, by layer.
  public var shrunk: [ShrunkCheck]
  public var seconds: Double
}

/// What `compress` gives back: the model, what it was and is, and how it came about.
public struct CompressionResult: Sendable {
  public var model: Model
  /// The model before the first step.
  public var baseline: Model
  public var before: Measurement
  public var after: Measurement
  public var steps: [StepResult]
  public var seed: UInt64
  public var seconds: Double
  /// On the test part, before the first step.
  public var baselineEvaluation: Evaluation?
  /// On the test part, after the last step.
  public var evaluation: Evaluation?
  public var classes: [String]
  public var dataName: String?
  /// With several seeds: the result of each, in the order of the seeds. The other fields are those of the first.
  public var runs: [CompressionResult]
}

/// Mean and spread of one number over several seeds.
public struct Spread: Sendable, Hashable {
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
