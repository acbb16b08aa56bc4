// A quantizer: which grid, which rounding? quantize{bits=8, quantizer="example_quantizer"}.
import PareKit

struct ExampleQuantizer: Quantizer {
  static let entry = Entry(name: "example_quantizer", summary: "A symmetric grid up to the largest weight", reference: "own")
  init(_ arguments: Arguments) throws {}

  // axis: the channel axis from 0, nil for one scale per tensor. value = (integer - zero) * scale.
  func quantize(_ weight: Tensor, bits: Int, axis: Int?) throws -> Quantized {
    let steps = Double((1 << (bits - 1)) - 1)
    let others = (0..<weight.rank).filter { $0 != axis }
    let largest = try axis == nil ? weight.abs().max() : weight.abs().max(axes: others, keepDims: true)
    let scale = try (largest / steps).maximum(1e-12)
    let integers = try (weight / scale).round().clip(min: -steps, max: steps)
    return Quantized(
      values: try integers.converted(to: .i8), scale: try axis == nil ? scale : scale.reshaped([weight.shape[axis ?? 0]]))
  }
}

let plugin = Plugin(ExampleQuantizer.self)
