import Support
import Tensor

/// Of every `group` neighbours along one axis, `kept` are stored (2:4, 4:8): the values, and for each its place in the group.
///
/// A rest shorter than a group keeps its share, rounded up.
public struct PatternRepresentation: SparseRepresentation {
  /// What files and listings call it.
  public static let kind = "n:m"
  /// The shape of the dense form.
  public let shape: Shape
  /// How many of each group are stored.
  public let kept: Int
  /// Neighbours in a group, at most 256.
  public let group: Int
  /// The axis of input channels, along which groups lie.
  public let axis: Int
  /// Floating, `[stored]`: group after group, along the axis last, ascending within a group.
  public let values: Tensor
  /// The place of each value in its group.
  public let places: [UInt8]

  /// The pattern as listings show it, such as `2:4`.
  public var label: String { "\(kept):\(group)" }

  /// Stores the positions where `pattern` (bool, the tensor's shape) is true, zeros included; nil where they are not
  /// `kept` of every `group` along the axis.
  public init?(_ tensor: Tensor, pattern: Tensor, kept: Int, of group: Int, axis: Int) throws {
    guard tensor.dtype.isFloating else { throw PareError(.dtype, "n:m parameter", expected: "a floating tensor", got: tensor.dtype.name) }
    guard kept > 0, kept < group, group <= 256, axis >= 0, axis < tensor.rank else {
      throw PareError(.argument, "n:m parameter", expected: "0 < n < m <= 256 along an axis", got: "\(kept):\(group) along \(axis)")
    }
    try requireShape(pattern, tensor.shape, Self.kind)
    let flags = try pattern.transposed(axis, -1).values(as: UInt8.self)
    var places: [UInt8] = [], positions: [Int64] = []
    var start = 0
    for width in Self.widths(tensor.shape, group, axis) {
      let before = places.count
      for place in 0..<width where flags[start + place] != 0 {
        places.append(UInt8(place))
        positions.append(Int64(start + place))
      }
      guard places.count - before == Self.share(width, kept, group) else { return nil }
      start += width
    }
    let flat = try tensor.detached().transposed(axis, -1).reshaped(Shape([tensor.count]))
    self.init(
      shape: tensor.shape, kept: kept, group: group, axis: axis,
      values: try flat.gather(axis: 0, indices: Tensor(positions, shape: Shape([positions.count]))), places: places)
  }

  private init(shape: Shape, kept: Int, group: Int, axis: Int, values: Tensor, places: [UInt8]) {
    (self.shape, self.kept, self.group, self.axis, self.values, self.places) = (shape, kept, group, axis, values, places)
  }

  /// The lengths of all groups, in the order in which they are stored.
  private static func widths(_ shape: Shape, _ group: Int, _ axis: Int) -> [Int] {
    let size = shape[axis], lines = size == 0 ? 0 : shape.count / size
    let line = stride(from: 0, to: size, by: group).map { min(group, size - $0) }
    return (0..<lines).flatMap { _ in line }
  }

  private static func share(_ width: Int, _ kept: Int, _ group: Int) -> Int {
    width == group ? kept : (width * kept + group - 1) / group
  }

  /// The elements of `stored` at their places in the dense shape, 0 elsewhere.
  public func scattered(_ stored: Tensor) throws -> Tensor {
    var positions: [Int64] = []
    positions.reserveCapacity(places.count)
    var start = 0, next = 0
    for width in Self.widths(shape, group, axis) {
      for _ in 0..<Self.share(width, kept, group) {
        positions.append(Int64(start + Int(places[next])))
        next += 1
      }
      start += width
    }
    var sizes = shape.dimensions
    sizes.swapAt(axis, sizes.count - 1)
    let indices = try Tensor(positions, shape: Shape([positions.count]))
    let flat = try Tensor.zeros(Shape([shape.count]), stored.dtype).scatterElements(axis: 0, indices: indices, values: stored)
    return try flat.reshaped(Shape(sizes)).transposed(axis, -1).contiguous()
  }

  /// A slice along the axis of the groups keeps the zeros, but not the pattern.
  public func storing(_ tensor: Tensor, pattern: Tensor) throws -> any Representation {
    try PatternRepresentation(tensor, pattern: pattern, kept: kept, of: group, axis: axis) ?? CSRRepresentation(tensor, pattern: pattern)
  }

  // MARK: Files

  /// Bits that a place takes.
  private static func bits(_ group: Int) -> Int { max(1, Int.bitWidth - (group - 1).leadingZeroBitCount) }

  /// Fields: the shape, n, m, the axis, the stored values, and the place of each within its group in as few bits as m needs.
  public func encode(into encoder: inout RepresentationEncoder) throws {
    encoder.set("shape", .integers(shape.dimensions))
    encoder.set("n", .integer(kept))
    encoder.set("m", .integer(group))
    encoder.set("axis", .integer(axis))
    encoder.set("values", blob: values)
    let packed = BitPacking.pack(places, bits: Self.bits(group))
    encoder.set("places", blob: try Tensor(packed, shape: Shape([packed.count])))
  }

  /// Reads what `encode` wrote.
  ///
  /// - Throws: `format` for fields that are missing, of another type, or do not fit each other.
  public init(from decoder: inout RepresentationDecoder) throws {
    let shape = try decoder.shape("shape"), kept = try decoder.integer("n"), group = try decoder.integer("m")
    let axis = try decoder.integer("axis")
    guard kept > 0, kept < group, group <= 256, axis >= 0, axis < shape.rank else {
      throw decoder.invalid("'n', 'm' and 'axis'", expected: "0 < n < m <= 256 along an axis", got: "\(kept):\(group) along \(axis)")
    }
    let values = try decoder.tensor("values")
    guard values.dtype.isFloating, values.rank == 1 else { throw decoder.invalid("'values' must be a floating vector") }
    // Before anything is made of the shape: each group stores at least one value.
    let size = shape[axis], groups = size == 0 ? 0 : shape.count / size * ((size - 1) / group + 1)
    guard groups <= values.count else {
      throw decoder.invalid("'values'", expected: "\(kept) of every \(group) of \(shape)", got: "\(values.count)")
    }
    let bits = Self.bits(group)
    let packed = try decoder.tensor("places", [.u8], count: BitPacking.packedCount(values.count, bits: bits))
    let places = BitPacking.unpack(try packed.values(as: UInt8.self), count: values.count, bits: bits)
    var next = 0
    for width in Self.widths(shape, group, axis) {
      let end = next + Self.share(width, kept, group)
      guard end <= places.count else {
        throw decoder.invalid("'values'", expected: "\(kept) of every \(group) of \(shape)", got: "\(values.count)")
      }
      for index in next..<end {
        guard places[index] < width, index == next || places[index] > places[index - 1] else {
          throw decoder.invalid("'places' are not ascending below \(width)")
        }
      }
      next = end
    }
    guard next == places.count else {
      throw decoder.invalid("'values'", expected: "\(kept) of every \(group) of \(shape)", got: "\(values.count)")
    }
    self.init(shape: shape, kept: kept, group: group, axis: axis, values: values, places: places)
  }
}
