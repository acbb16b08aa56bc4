import Support
import Tensor

/// The scale and zero point of QuantizeLinear and DequantizeLinear, per tensor or along an axis.
struct Grid {
  /// f32, shaped to broadcast against the value.
  let scale: Tensor
  /// f32, likewise.
  let zero: Tensor
  let dtype: DType

  init(_ node: Node, _ inputs: [Tensor?], rank: Int, default dtype: DType) throws {
    let scale = try inputs.required(1, node), zero = inputs.optional(2)
    if let zero, zero.count != scale.count {
      throw node.failure(.shape, "zero point", expected: "\(scale.count) elements as the scale has", got: "\(zero.count)")
    }
    var shape: Shape = []
    if scale.count != 1 {
      let axis = try normalized(node.int("axis", default: 1), rank: rank, node)
      guard scale.rank == 1 else { throw node.failure(.unsupported, "scales of rank \(scale.rank) (blocked quantization)") }
      var sizes = [Int](repeating: 1, count: rank)
      sizes[axis] = scale.count
      shape = try Shape(sizes)
    }
    self.scale = try scale.detached().converted(to: .f32).reshaped(shape)
    self.zero = try zero.map { try $0.detached().converted(to: .f32).reshaped(shape) } ?? Tensor.zeros(shape)
    self.dtype = zero?.dtype ?? dtype
  }

  /// The integers of a type, for clipping.
  static func limits(_ dtype: DType, _ node: Node) throws -> ClosedRange<Double> {
    switch dtype {
    case .i8: -128...127
    case .u8: 0...255
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
