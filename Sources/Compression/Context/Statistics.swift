/// What a criterion or a method asks to be collected about each layer before it runs.
///
/// Weights, biases and batch-norm parameters need no asking.
public struct Statistics: OptionSet, Sendable, Hashable, CustomStringConvertible {
  public let rawValue: Int
  /// The set of the statistics whose bits are set.
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// Gradient of the mean loss over the calibration samples.
  public static let gradient = Statistics(rawValue: 1)
  /// Mean over the samples of the squared gradient of each sample's loss (the diagonal of the empirical Fisher matrix).
  public static let gradientSquared = Statistics(rawValue: 2)
  /// Mean, mean absolute value and share of zeros of each output channel.
  public static let activation = Statistics(rawValue: 4)
  /// Sum of squares of each input channel.
  public static let input = Statistics(rawValue: 8)
  /// Sum of the outer products of the layer's (unfolded) inputs.
  public static let hessian = Statistics(rawValue: 16)

  /// Mean over the samples of the size of the gradient of each sample's loss.
  public static let gradientAbsolute = Statistics(rawValue: 32)

  /// Those that take one sample at a time.
  static let perSample: Statistics = [.gradientSquared, .gradientAbsolute]

  private static let names: [(Statistics, String)] = [
    (.gradient, "gradient"), (.gradientSquared, "gradient_sq"), (.gradientAbsolute, "gradient_abs"), (.activation, "activation"), (.input, "input"),
    (.hessian, "hessian"),
  ]

  /// The names that scripts use for them.
  public static var allNames: [String] { names.map(\.1) }

  /// The statistic that scripts call `name`, nil when there is none.
  public init?(named name: String) {
    guard let found = Self.names.first(where: { $0.1 == name }) else { return nil }
    self = found.0
  }

  /// The names, joined: "gradient, input".
  public var description: String { Self.names.filter { contains($0.0) }.map(\.1).joined(separator: ", ") }
}
