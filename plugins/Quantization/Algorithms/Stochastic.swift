import PareKit

/// Up or down by chance, in proportion to how near the two points are: rounding errors are 0 in the mean.
public struct Stochastic: QuantizationAlgorithm {
  public static let entry = Entry(
    name: "stochastic", summary: "Up or down by chance, so that rounding errors are 0 in the mean",
    reference: "Gupta et al. 2015, \"Deep Learning with Limited Numerical Precision\", section 3.1")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}

  /// `floor(w / scale + u)` with u uniform in 0..<1, drawn from the recipe's seed and the layer's name; exact points stay.
  public func quantize(
    _ layer: LayerView, bits: Int, axis: Int?, with quantizer: any Quantizer, _ context: Context
  ) throws -> Quantized {
    let grid = try RowGrid(quantizer.quantize(layer.weight, bits: bits, axis: axis), bits: bits)
    var random = context.random(for: layer.name)
    let weight = try layer.weight.converted(to: .f32).values(as: Float.self)
    return try grid.quantized(weight.enumerated().map { index, value in
      grid.clipped((grid.position(value, row: index / max(1, grid.columns)) + Float(random.uniform())).rounded(.down))
    })
  }
}
