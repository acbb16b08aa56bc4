// An algorithm: how are the rounded weights of a layer found? quantize{bits=8, algorithm="example_algorithm"}.
import PareKit

struct ExampleAlgorithm: QuantizationAlgorithm {
  static let entry = Entry(name: "example_algorithm", summary: "Rounds to nearest, after the quantizer's own grid", reference: "own")
  init(_ arguments: Arguments) throws {}

  // Ask for calibration data with `var needs: Statistics { [.hessian] }` and read layer.input.hessian.
  func quantize(_ layer: LayerView, bits: Int, axis: Int?, with quantizer: any Quantizer, _ context: Context) throws -> Quantized {
    try quantizer.quantize(layer.weight, bits: bits, axis: axis)
  }
}

let plugin = Plugin(ExampleAlgorithm.self)
