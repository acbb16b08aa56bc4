import PareKit

/// The grid that a quantizer chose for a weight of `[rows, ...]`, one for each row or one for all: what algorithms that round
/// otherwise than to the nearest point round to.
struct RowGrid: Sendable {
  let rows: Int
  let columns: Int
  private let scales: [Float]
  private let zeros: [Float]
  /// The integers that the grid has.
  let range: ClosedRange<Float>
  private let dtype: DType
  private let quantized: Quantized

  /// - Parameter quantized: of the weight, with scales along the first axis or none.
  init(_ quantized: Quantized, bits: Int) throws {
    let rows = quantized.values.shape.first ?? 1
    self.rows = rows
    columns = quantized.values.count / max(rows, 1)
    func perRow(_ tensor: Tensor?) throws -> [Float] {
      let values = try tensor?.converted(to: .f32).values(as: Float.self) ?? [0]
      return values.count == rows ? values : [Float](repeating: values.first ?? 0, count: rows)
    }
    scales = try perRow(quantized.scale)
    zeros = try perRow(quantized.zero)
    let half = Float((1 << (bits - 1)) - 1)
    range = quantized.zero == nil ? -half...half : 0...Float((1 << bits) - 1)
    dtype = quantized.values.dtype
    self.quantized = quantized
  }

  /// Where a value lies between the row's integers, not rounded and not clipped.
  func position(_ value: Float, row: Int) -> Float { value / scales[row] + zeros[row] }

  /// What an integer of the row stands for.
  func value(_ integer: Float, row: Int) -> Float { (integer - zeros[row]) * scales[row] }

  func clipped(_ integer: Float) -> Float { min(max(integer, range.lowerBound), range.upperBound) }

  /// The nearest integer, halves to even.
  func nearest(_ value: Float, row: Int) -> Float { clipped(position(value, row: row).rounded(.toNearestOrEven)) }

  /// These integers on the grid.
  func quantized(_ integers: [Float]) throws -> Quantized {
    var result = quantized
    result.values = try Tensor(integers, shape: quantized.values.shape).converted(to: dtype)
    return result
  }
}
