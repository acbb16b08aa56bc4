import PareKit

/// Every weight goes to the nearest point of the grid.
public struct Nearest: QuantizationAlgorithm {
  public static let entry = Entry(
    name: "nearest", summary: "Every weight goes to the nearest point of the grid", reference: "Jacob et al. 2018")
  /// Has no parameters.
  public init(_ arguments: Arguments) throws {}

  /// Asks the quantizer for the whole weight; nothing of the data is used.
  public func quantize(
    _ layer: LayerView, bits: Int, axis: Int?, with quantizer: any Quantizer, _ context: Context
  ) throws -> Quantized { try quantizer.quantize(layer.weight, bits: bits, axis: axis) }
}
