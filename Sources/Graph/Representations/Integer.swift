import Support
import Tensor

/// Integers of 2 to 8 bits with scales and zero points: `value = (integer - zero) * scale`, as ONNX's DequantizeLinear.
///
/// Scales are one for all, one per position of an axis, or, in a matrix, one for each group of neighbouring positions along
/// the other axis.
public struct IntegerRepresentation: Representation {
  /// What files and listings call it.
  public static let kind = "int"
  /// i8 (signed) or u8, whatever the width.
  public let values: Tensor
  /// f32; rank 0, one per position of `axis`, or, in groups, of the values' rank with a position for each group.
  public let scales: Tensor
  /// The integers that stand for 0, of the values' dtype and the scales' shape.
  public let zeroPoints: Tensor
  /// The axis that has a scale per position; nil is one scale for all.
  public let axis: Int?
  /// How many neighbouring positions of a matrix's other axis share a scale; nil is all of them.
  public let group: Int?
  /// The width of an integer, 2...8; fewer than 8 are packed in files only.
  public let bits: Int
  /// Whether the lowest integer of a signed grid is left out, so that the grid is symmetric about 0.
  public let isNarrow: Bool
  /// bool, the values' shape: false is held at 0 by every later step. Nil holds nothing.
  public let kept: Tensor?

  /// Wraps given integers.
  ///
  /// - Parameters:
  ///   - values: i8 or u8, each within `bits`.
  ///   - scales: f32, positive and finite; one, or as many as `axis` has positions (and groups).
  ///   - zeroPoints: of the values' dtype and the scales' count; nil is 0.
  ///   - group: needs an axis and a matrix.
  /// - Throws: `shape`, `dtype` or `argument` naming what does not fit.
  public init(
    values: Tensor, scales: Tensor, zeroPoints: Tensor? = nil, axis: Int? = nil, group: Int? = nil, bits: Int = 8,
    isNarrow: Bool = false, mask: Tensor? = nil
  ) throws {
    guard values.dtype == .i8 || values.dtype == .u8 else {
      throw PareError(.dtype, "integer parameter", expected: "i8 or u8", got: values.dtype.name)
    }
    guard (2...8).contains(bits) else {
      throw PareError(.argument, "integer parameter", argument: "bits", expected: "2...8", got: "\(bits)")
    }
    if let axis, !(0..<values.rank).contains(axis) {
      throw PareError(.argument, "integer parameter", argument: "axis", expected: "0..<\(values.rank)", got: "\(axis)")
    }
    let shape = try Self.gridShape(values.shape, axis: axis, group: group), count = shape.count
    guard scales.count == count, scales.dtype == .f32 else {
      throw PareError(.shape, "scales of an integer parameter", expected: "f32[\(count)]",
                      got: "\(scales.dtype.name)\(scales.shape.dimensions)")
    }
    guard try scales.values(as: Float.self).allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw PareError(.argument, "scales of an integer parameter", argument: "scales",
                      expected: "positive and finite numbers")
    }
    if let zeroPoints, zeroPoints.count != count || zeroPoints.dtype != values.dtype {
      throw PareError(.shape, "zero points of an integer parameter", expected: "\(values.dtype.name)[\(count)]",
                      got: "\(zeroPoints.dtype.name)\(zeroPoints.shape.dimensions)")
    }
    if let mask { try requireShape(mask, values.shape, Self.kind) }
    self.values = values
    self.scales = try scales.reshaped(shape)
    self.zeroPoints = try zeroPoints?.reshaped(shape) ?? Tensor.zeros(shape, values.dtype)
    self.axis = axis
    // As many as there are, if more are said.
    self.group = axis.flatMap { axis in group.map { min($0, max(values.shape[1 - axis], 1)) } }
    self.bits = bits
    self.isNarrow = isNarrow
    kept = mask
    // Eight whole bits cannot leave their range; a look would take twice the memory of the weights.
    let limits = range
    let isWhole = bits == 8 && !isNarrow
    guard try isWhole || values.values(as: Int16.self).allSatisfy({ (limits.lowerBound...limits.upperBound).contains(Int($0)) })
    else {
      throw PareError(.argument, "values of an integer parameter", argument: "values",
                      expected: "\(limits.lowerBound)...\(limits.upperBound) at \(bits) bits")
    }
  }

  /// Rounds floating values (half to even) onto a given grid.
  public static func quantizing(
    _ tensor: Tensor, scales: Tensor, zeroPoints: Tensor? = nil, axis: Int? = nil, group: Int? = nil, bits: Int = 8,
    signed: Bool = true, isNarrow: Bool = false, mask: Tensor? = nil
  ) throws -> IntegerRepresentation {
    let dtype: DType = signed ? .i8 : .u8
    guard (2...8).contains(bits) else {
      throw PareError(.argument, "integer parameter", argument: "bits", expected: "2...8", got: "\(bits)")
    }
    let limits = limits(bits: bits, signed: signed, isNarrow: isNarrow)
    let plain = try tensor.detached().converted(to: .f32)
    let grid = try gridShape(plain.shape, axis: axis, group: group)
    guard scales.count == grid.count, (zeroPoints?.count ?? grid.count) == grid.count else {
      throw PareError(.shape, "grid of an integer parameter", expected: "\(grid.count) scales", got: "\(scales.count)")
    }
    func spread(_ values: Tensor) throws -> Tensor {
      try Self.spread(values.reshaped(grid), over: plain.shape, axis: axis, group: group)
    }
    var quotient = try (plain / spread(scales)).round()
    if let zeroPoints { quotient = try quotient + spread(zeroPoints.converted(to: .f32)) }
    var values = try quotient.clip(min: Double(limits.lowerBound), max: Double(limits.upperBound)).converted(to: dtype)
    if let mask {
      let zero = try spread(zeroPoints ?? Tensor.zeros(grid, dtype)).expanded(to: values.shape)
      values = try Tensor.where(mask, values, zero)
    }
    return try IntegerRepresentation(
      values: values, scales: scales, zeroPoints: zeroPoints, axis: axis, group: group, bits: bits, isNarrow: isNarrow, mask: mask)
  }

  /// The integers of a width: -2^(b-1)...2^(b-1)-1 or 0...2^b-1; narrow leaves out the lowest signed one.
  public static func limits(bits: Int, signed: Bool, isNarrow: Bool = false) -> ClosedRange<Int> {
    signed ? (-(1 << (bits - 1)) + (isNarrow ? 1 : 0))...((1 << (bits - 1)) - 1) : 0...((1 << bits) - 1)
  }

  /// The integers that this grid may hold.
  public var range: ClosedRange<Int> { Self.limits(bits: bits, signed: isSigned, isNarrow: isNarrow) }
  /// Whether `values` are i8 (else u8).
  public var isSigned: Bool { values.dtype == .i8 }
  /// Whether all zero points are 0.
  public var isSymmetric: Bool { (try? zeroPoints.countNonzero()) == 0 }
  /// The shape of the dense form.
  public var shape: Shape { values.shape }

  /// How many elements of the dense form are not 0.
  public var nonzeros: Int {
    if isSymmetric { return (try? values.countNonzero()) ?? values.count }
    return (try? dense().countNonzero()) ?? values.count
  }

  /// f32: (integer - zero point) * scale.
  public func dense() throws -> Tensor {
    var centred = try values.converted(to: .f32)
    if !isSymmetric { centred = try centred - spread(zeroPoints.converted(to: .f32)) }
    return try centred * spread(scales)
  }

  /// Rounds onto the grid; the gradient passes straight through inside the grid's range and is 0 outside.
  public func projected(_ leaf: Tensor) throws -> Tensor {
    let grid = try updatedGrid(from: leaf.detached())
    let value = try grid.dense().converted(to: leaf.dtype)
    let scale = try spread(scales), zero = try spread(zeroPoints.converted(to: .f32))
    let lowest = try (Double(range.lowerBound) - zero) * scale, highest = try (Double(range.upperBound) - zero) * scale
    return try Tensor.custom(inputs: [leaf], forward: { _ in value }, gradient: { gradient, inputs, _ in
      let plain = try inputs[0].converted(to: .f32)
      var inside = try plain.ge(lowest).converted(to: .f32) * plain.le(highest).converted(to: .f32)
      if let kept { inside = try inside * kept.converted(to: .f32) }
      return [try gradient * inside.converted(to: gradient.dtype)]
    })
  }

  /// The grid stays; new values are rounded onto it, half to even, and limited to its range.
  /// - Throws: `shape` when the new values have another shape.
  public func updated(from leaf: Tensor) throws -> any Representation { try updatedGrid(from: leaf) }

  private func updatedGrid(from leaf: Tensor) throws -> IntegerRepresentation {
    try requireShape(leaf, shape, Self.kind)
    return try Self.quantizing(
      leaf, scales: scales, zeroPoints: zeroPoints, axis: axis, group: group, bits: bits, signed: isSigned,
      isNarrow: isNarrow, mask: kept)
  }

  /// Scales and zero points are cut along where the axis has some of its own.
  /// - Throws: `unsupported` where positions of two groups would come to share a scale.
  public func sliced(axis cut: Int, keeping: [Int]) throws -> any Representation {
    var positions: [Int]?
    if cut == axis { positions = keeping } else if let group { positions = try Self.groups(of: keeping, each: group) }
    let along = group == nil ? 0 : cut
    return try IntegerRepresentation(
      values: values.keeping(keeping, axis: cut),
      scales: positions.map { try scales.keeping($0, axis: along) } ?? scales,
      zeroPoints: positions.map { try zeroPoints.keeping($0, axis: along) } ?? zeroPoints,
      axis: axis, group: group, bits: bits, isNarrow: isNarrow, mask: kept?.keeping(keeping, axis: cut))
  }

  /// The old group of each new one.
  private static func groups(of kept: [Int], each group: Int) throws -> [Int] {
    try stride(from: 0, to: kept.count, by: group).map { start in
      let members = kept[start..<min(start + group, kept.count)], first = kept[start] / group
      guard members.allSatisfy({ $0 / group == first }) else {
        throw PareError(
          .unsupported, "cutting inputs of integers that share a scale in groups of \(group)",
          expected: "whole groups", suggestion: "prune before quantizing")
      }
      return first
    }
  }

  /// True (bool, the dense shape) where a later step may set a value; nil: everywhere.
  public func mask() throws -> Tensor? { kept }

  /// Removed positions get the zero point's integer.
  public func masked(_ mask: Tensor) throws -> any Representation {
    let both = try kept.map { try Tensor.where(mask, $0, Tensor.zeros(shape, .bool)) } ?? mask
    let zero = try spread(zeroPoints).expanded(to: shape)
    return try IntegerRepresentation(
      values: Tensor.where(both, values, zero), scales: scales, zeroPoints: zeroPoints, axis: axis, group: group,
      bits: bits, isNarrow: isNarrow, mask: both)
  }

  /// The shape of scales and zero points.
  private static func gridShape(_ shape: Shape, axis: Int?, group: Int?) throws -> Shape {
    guard let group else { return try axis.map { try Shape([shape[$0]]) } ?? Shape([]) }
    guard let axis, shape.rank == 2, group >= 1 else {
      throw PareError(
        .argument, "integer parameter", argument: "group", expected: "at least 1, with an axis of a matrix",
        got: "\(group), axis \(axis.map(String.init) ?? "none"), shape \(shape.dimensions)")
    }
    var sizes = shape.dimensions
    let other = sizes[1 - axis]
    sizes[1 - axis] = other / group + (other % group == 0 ? 0 : 1)
    return try Shape(sizes)
  }

  /// Scales or zero points so that they broadcast against the values.
  private func spread(_ grid: Tensor) throws -> Tensor {
    try Self.spread(grid, over: values.shape, axis: axis, group: group)
  }

  private static func spread(_ grid: Tensor, over shape: Shape, axis: Int?, group: Int?) throws -> Tensor {
    guard let group, let axis else {
      return try grid.reshaped(broadcastShape(rank: shape.rank, axis: axis, count: grid.count))
    }
    let other = 1 - axis
    return try grid.repeated(min(group, max(shape[other], 1)), axis: other).narrowed(axis: other, start: 0, length: shape[other])
  }

  static func broadcastShape(rank: Int, axis: Int?, count: Int) throws -> Shape {
    guard let axis else { return try Shape([]) }
    var sizes = [Int](repeating: 1, count: rank)
    sizes[axis] = count
    return try Shape(sizes)
  }

  /// Integers of fewer than 8 bits are packed, counted from the lowest of the range. Zero points are left out where all are 0;
  /// a mask takes one bit a position.
  public func encode(into encoder: inout RepresentationEncoder) throws {
    encoder.set("bits", .integer(bits))
    encoder.set("signed", .boolean(isSigned))
    encoder.set("narrow", .boolean(isNarrow))
    encoder.set("shape", .integers(shape.dimensions))
    if let axis { encoder.set("axis", .integer(axis)) }
    if let group { encoder.set("group", .integer(group)) }
    if bits == 8 {
      encoder.set("values", blob: values)
    } else {
      let offset = range.lowerBound
      let packed = BitPacking.pack(try values.values(as: Int16.self).map { UInt8(Int($0) - offset) }, bits: bits)
      encoder.set("values", blob: try Tensor(packed, shape: Shape([packed.count])))
    }
    encoder.set("scales", blob: scales)
    if !isSymmetric { encoder.set("zero_points", blob: zeroPoints) }
    if let kept {
      let packed = BitPacking.pack(try kept.values(as: UInt8.self), bits: 1)
      encoder.set("mask", blob: try Tensor(packed, shape: Shape([packed.count])))
    }
  }

  /// Reads what `encode` wrote.
  ///
  /// - Throws: `format` for fields that are missing, of another type, or do not fit each other.
  public init(from decoder: inout RepresentationDecoder) throws {
    let bits = try decoder.integer("bits"), shape = try decoder.shape("shape")
    let signed = try decoder.boolean("signed"), isNarrow = try decoder.boolean("narrow")
    guard (2...8).contains(bits) else { throw decoder.invalid("'bits'", expected: "2...8", got: "\(bits)") }
    let dtype: DType = signed ? .i8 : .u8
    var values: Tensor
    if bits == 8 {
      values = try decoder.tensor("values", [dtype], count: shape.count).reshaped(shape)
    } else {
      let packed = try decoder.tensor("values", [.u8], count: BitPacking.packedCount(shape.count, bits: bits))
      let offset = Self.limits(bits: bits, signed: signed, isNarrow: isNarrow).lowerBound
      let integers = BitPacking.unpack(try packed.values(as: UInt8.self), count: shape.count, bits: bits)
      values = try Tensor(integers.map { Int16($0) + Int16(offset) }, shape: shape).converted(to: dtype)
    }
    var mask: Tensor?
    if decoder.has("mask") {
      let packed = try decoder.tensor("mask", [.u8], count: BitPacking.packedCount(shape.count, bits: 1))
      let kept = BitPacking.unpack(try packed.values(as: UInt8.self), count: shape.count, bits: 1)
      mask = try Tensor(kept, shape: shape).ne(0)
    }
    do {
      try self.init(
        values: values, scales: decoder.tensor("scales", [.f32]),
        zeroPoints: decoder.has("zero_points") ? decoder.tensor("zero_points", [dtype]) : nil,
        axis: decoder.has("axis") ? decoder.integer("axis") : nil,
        group: decoder.has("group") ? decoder.integer("group") : nil, bits: bits, isNarrow: isNarrow, mask: mask)
    } catch let error as PareError where error.code != .format {
      throw decoder.invalid(error.description)
    }
  }
}
