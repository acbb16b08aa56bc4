import Support
import Tensor

/// The scale and zero point of QuantizeLinear and DequantizeLinear, per tensor, along an axis, or in blocks along it.
struct Grid {
  /// f32, shaped to broadcast against the value.
  let scale: Tensor
  /// f32, likewise.
  let zero: Tensor
  let dtype: DType

  init(_ node: Node, _ inputs: [Tensor?], sizes: Shape, default dtype: DType) throws {
    let scale = try inputs.required(1, node), zero = inputs.optional(2)
    if let zero, zero.count != scale.count {
      throw node.failure(.shape, "zero point", expected: "\(scale.count) elements as the scale has", got: "\(zero.count)")
    }
    func spread(_ values: Tensor) throws -> Tensor {
      let values = try values.detached().converted(to: .f32)
      guard scale.count != 1 else { return try values.reshaped([] as Shape) }
      let axis = try normalized(node.int("axis", default: 1), rank: sizes.rank, node)
      let block = try node.int("block_size", default: 0)
      guard block == 0 else {
        // One scale for `block` positions in a row.
        guard block > 0, scale.rank == sizes.rank,
              sizes.indices.allSatisfy({ scale.shape[$0] == ($0 == axis ? (sizes[axis] + block - 1) / block : sizes[$0]) })
        else { throw node.failure(.shape, "scales \(scale.shape) in blocks of \(block) along axis \(axis) of \(sizes)") }
        return try values.repeated(block, axis: axis).narrowed(axis: axis, start: 0, length: sizes[axis])
      }
      guard scale.rank == 1, scale.count == sizes[axis] else {
        throw node.failure(.shape, "scales \(scale.shape)", expected: "one for each of \(sizes[axis]) positions of axis \(axis)")
      }
      return try values.reshaped(sizes.indices.map { $0 == axis ? scale.count : 1 })
    }
    self.scale = try spread(scale)
    self.zero = try zero.map(spread) ?? Tensor.zeros([])
    self.dtype = zero?.dtype ?? dtype
  }

  /// The integers of a type, for clipping.
  static func limits(_ dtype: DType, _ node: Node) throws -> ClosedRange<Double> {
    switch dtype {
    case .i8: -128...127
    case .u8: 0...255
    case .u16: 0...65535
    case .i16: -32768...32767
    case .i32: -2_147_483_648...2_147_483_647
    default: throw node.failure(.unsupported, "quantization to \(dtype.name)")
    }
  }
}

extension ChannelFlow {
  /// Ties the axes of a value with those of its quantized form, and per-axis grids with their axis.
  mutating func grid(_ node: Node) throws {
    guard let rank = rank(.input(0)) else { return blockAll("\(node.op) '\(node.name)' of unknown rank") }
    for axis in 0..<rank { tie(.input(0), axis: axis, .output(0), axis: axis) }
    for input in 1...2 where node.has(input) && self.rank(.input(input)) == 1 {
      if size(.input(input), axis: 0) == 1 {
        free(.input(input), axis: 0)
      } else {
        tie(.input(input), axis: 0, .output(0), axis: try normalized(node.int("axis", default: 1), rank: rank, node))
        role(.carries, input: input, axis: 0)
      }
    }
  }
}
