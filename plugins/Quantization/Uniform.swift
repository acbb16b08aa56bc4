import PareKit

/// Equal steps: symmetric about 0, or affine with a zero point.
///
/// Symmetric (b bits): `scale = max |w| / (2^(b-1) - 1)`, `q = round(w / scale)` within `±(2^(b-1) - 1)`; 0 stays 0.
/// Affine: the range is widened to hold 0, `scale = (high - low) / (2^b - 1)`, `zero = round(-low / scale)`.
/// Rounding is to the nearest, halves to even.
public struct Uniform: Quantizer {
  public static let entry = Entry(
    name: "uniform", summary: "Equal steps, symmetric about 0 or with a zero point",
    reference: "Jacob et al. 2018, equation 1; Krishnamoorthi 2018, section 2",
    parameters: [.boolean("symmetric", default: true, doc: "Signed and symmetric about 0; else unsigned with a zero point")])
  private let isSymmetric: Bool

  /// Takes the values of the parameters that `entry` declares.
  public init(_ arguments: Arguments) throws { isSymmetric = try arguments.boolean("symmetric") }

  /// Symmetric: i8 values and no zero point. Affine: u8 values and u8 zero points. Weights of 0 alone have the scale 1.
  public func quantize(_ weight: Tensor, bits: Int, axis: Int?) throws -> Quantized {
    let plain = try weight.detached().converted(to: .f32)
    let others = axis.map { axis in (0..<plain.rank).filter { $0 != axis } }
    func along(_ values: [Float]) throws -> Tensor {
      guard let axis else { return try Tensor(values, shape: []) }
      var sizes = [Int](repeating: 1, count: plain.rank)
      sizes[axis] = values.count
      return try Tensor(values, shape: Shape(sizes))
    }
    func flat(_ values: [Float]) throws -> Tensor { try Tensor(values, shape: axis == nil ? [] : [values.count]) }
    if isSymmetric {
      let highest = Float((1 << (bits - 1)) - 1)
      let largest = try plain.abs().max(axes: others).values(as: Float.self)
      let scales = largest.map { $0 > 0 && ($0 / highest) > 0 ? $0 / highest : 1 }
      let integers = try (plain / along(scales)).round().clip(min: Double(-highest), max: Double(highest)).converted(to: .i8)
      return try Quantized(values: integers, scale: flat(scales))
    }
    let levels = Double((1 << bits) - 1)
    let lows = try plain.min(axes: others).values(as: Float.self)
    let highs = try plain.max(axes: others).values(as: Float.self)
    let grids = zip(lows, highs).map { Grid(low: Double($0), high: Double($1), levels: levels) }
    let scales = grids.map(\.scale)
    let zeros = grids.map { Float($0.zero) }
    let integers = try ((plain / along(scales)).round() + along(zeros)).clip(min: 0, max: levels).converted(to: .u8)
    return try Quantized(values: integers, scale: flat(scales), zero: flat(zeros).converted(to: .u8))
  }
}

/// An affine grid of `levels` steps from 0 that holds 0 exactly.
struct Grid {
  let scale: Float
  let zero: Int

  init(low: Double, high: Double, levels: Double) {
    let low = min(low, 0)
    let high = max(high, 0)
    let step = Float((high - low) / levels)
    scale = step > 0 ? step : 1
    zero = Int(min(max((-low / Double(scale)).rounded(.toNearestOrEven), 0), levels))
  }
}
