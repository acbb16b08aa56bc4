import PareKit

/// Size of the weight times the norm of what it is multiplied with.
///
/// `|w| * ||x||_2` with x the input feature (channel of a convolution) over all calibration samples and positions. The paper
/// compares the weights of one output with each other: with `per_output` single weights score their rank within their output,
/// so that each output loses the same share whatever its scale. Larger units sum the products.
public struct Wanda: ImportanceCriterion {
  public static let entry = Entry(
    name: "wanda", summary: "Size of the weight times the norm of its input",
    reference: "Sun et al. 2024, \"A Simple and Effective Pruning Approach for Large Language Models\", equation 1",
    parameters: [.boolean("per_output", default: true, doc: "Single weights are ranked within their output; false: by the products themselves")])
  private let isPerOutput: Bool

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { isPerOutput = try arguments.boolean("per_output") }
  /// Sums of squares of the inputs.
  public var needs: Statistics { [.input] }

  /// The products in the weight's shape, or 0...1 by their rank in their row.
  ///
  /// - Throws: `undeclared` or `internal` where the inputs were not collected.
  public func score(_ layer: LayerView, _ context: Context) throws -> Tensor {
    let shape = layer.weight.shape, rows = shape[0], columns = shape[1]
    // Of grouped convolutions each group of outputs sees its own inputs.
    let norms = try layer.input.squareSum.sqrt().reshaped([layer.groups, 1, columns])
      .expanded(to: [layer.groups, rows / layer.groups, columns])
    let products = try layer.weight.abs() * norms.reshaped(Shape([rows, columns] + Array(repeating: 1, count: shape.rank - 2)))
    guard isPerOutput, layer.granularity == "weight" else { return products }
    let flat = try products.reshaped([rows, shape.count / max(1, rows)])
    return try (flat.argsort().argsort().converted(to: .f64) / Double(max(1, flat.shape[1]))).reshaped(shape)
  }
}
