import Support
import Tensor

/// One bit a weight: its sign, times a scale for each output (Rastegari et al. 2016, XNOR-Net, arXiv:1603.05279).
///
/// Two values an output are the invariant: an update takes the signs of the new values (0 counts as positive) and the mean
/// of their sizes.
public struct BinaryRepresentation: Representation {
  /// What files and listings call it.
  public static let kind = "binary"
  /// bool, the parameter's shape; true is positive.
  public let signs: Tensor
  /// f32; rank 0, or one per position of `axis`; not negative.
  public let scales: Tensor
  /// The axis that has a scale per position; nil is one scale for all.
  public let axis: Int?

  /// - Throws: `shape`, `dtype` or `argument` naming what does not fit.
  public init(signs: Tensor, scales: Tensor, axis: Int?) throws {
    guard signs.dtype == .bool else { throw PareError(.dtype, "signs of a binary parameter", expected: "bool", got: signs.dtype.name) }
    self.signs = signs.detached()
    self.scales = try checkedScales(scales, of: signs.shape, axis: axis, Self.kind)
    self.axis = axis
  }

  /// The nearest such values, in the sum of squares: signs and mean sizes.
  public init(nearest tensor: Tensor, axis: Int?) throws {
    try requireAxis(axis, of: tensor.shape, Self.kind)
    let plain = try tensor.detached().converted(to: .f32)
    let others = (0..<plain.rank).filter { $0 != axis }
    try self.init(signs: plain.ge(0), scales: plain.count == 0 ? emptyScales(plain.shape, axis) : plain.abs().mean(axes: others), axis: axis)
  }

  /// The shape of the dense form.
  public var shape: Shape { signs.shape }
  /// How many elements of the dense form are not 0.
  public var nonzeros: Int { (try? dense().countNonzero()) ?? signs.count }

  /// f32: the sign times its scale, -scale where `signs` is false.
  public func dense() throws -> Tensor {
    try (signs.converted(to: .f32) * 2 - 1) * spread(scales, rank: signs.rank, axis: axis)
  }

  /// Signs and mean sizes; the gradient passes straight through.
  public func projected(_ leaf: Tensor) throws -> Tensor {
    let value = try updated(from: leaf.detached()).dense().converted(to: leaf.dtype)
    return try Tensor.custom(inputs: [leaf], forward: { _ in value }, gradient: { gradient, _, _ in [gradient] })
  }

  /// Signs and scales are both new.
  /// - Throws: `shape` when the new values have another shape.
  public func updated(from leaf: Tensor) throws -> any Representation {
    try requireShape(leaf, shape, Self.kind)
    return try BinaryRepresentation(nearest: leaf, axis: axis)
  }

  /// Signs and scales are cut alike.
  public func sliced(axis cut: Int, keeping: [Int]) throws -> any Representation {
    try BinaryRepresentation(
      signs: signs.keeping(keeping, axis: cut), scales: cut == axis ? scales.keeping(keeping, axis: 0) : scales, axis: axis)
  }

  /// Signs take one bit each.
  public func encode(into encoder: inout RepresentationEncoder) throws {
    encoder.set("shape", .integers(shape.dimensions))
    if let axis { encoder.set("axis", .integer(axis)) }
    encoder.set("signs", blob: try packedBits(signs.values(as: UInt8.self), bits: 1))
    encoder.set("scales", blob: scales)
  }

  /// - Throws: `format` unless signs and scales fit the shape.
  public init(from decoder: inout RepresentationDecoder) throws {
    let shape = try decoder.shape("shape")
    let signs = try decoder.unpacked("signs", shape, bits: 1).ne(0)
    do {
      try self.init(
        signs: signs, scales: decoder.tensor("scales", [.f32]), axis: decoder.has("axis") ? decoder.integer("axis") : nil)
    } catch let error as PareError where error.code != .format { throw decoder.invalid(error.description) }
  }
}

/// -1, 0 or 1 for each weight, times a scale for each output (Li and Liu 2016, Ternary Weight Networks, arXiv:1605.04711).
///
/// Three values an output are the invariant. An update sets to 0 what is smaller than 0.7 of the mean size, and takes the
/// mean size of the rest for the scale.
public struct TernaryRepresentation: Representation {
  /// What files and listings call it.
  public static let kind = "ternary"
  /// i8, the parameter's shape: -1, 0 or 1.
  public let values: Tensor
  /// f32; rank 0, or one per position of `axis`; not negative.
  public let scales: Tensor
  /// The axis that has a scale per position; nil is one scale for all.
  public let axis: Int?
  /// bool, the parameter's shape: false is held at 0 by every later step. Nil holds nothing.
  public let kept: Tensor?

  /// - Throws: `shape`, `dtype` or `argument` naming what does not fit.
  public init(values: Tensor, scales: Tensor, axis: Int?, mask: Tensor? = nil) throws {
    guard values.dtype == .i8, try values.values(as: Int8.self).allSatisfy({ (-1...1).contains($0) }) else {
      throw PareError(.argument, "ternary parameter", argument: "values", expected: "-1, 0 and 1 in i8", got: values.dtype.name)
    }
    if let mask { try requireShape(mask, values.shape, Self.kind) }
    let mask = try mask.map { try $0.dtype == .bool ? $0.detached() : $0.detached().ne(0) }
    self.values = try mask.map { try Tensor.where($0, values.detached(), Tensor.zeros(values.shape, .i8)) } ?? values.detached()
    self.scales = try checkedScales(scales, of: values.shape, axis: axis, Self.kind)
    self.axis = axis
    kept = mask
  }

  /// Values near a tensor's by the rule above; what `mask` leaves out is 0 and does not count.
  public init(nearest tensor: Tensor, axis: Int?, mask: Tensor? = nil) throws {
    try requireAxis(axis, of: tensor.shape, Self.kind)
    if let mask { try requireShape(mask, tensor.shape, Self.kind) }
    var plain = try tensor.detached().converted(to: .f32)
    if let mask { plain = try plain * mask.ne(0).converted(to: .f32) }
    let others = (0..<plain.rank).filter { $0 != axis }
    guard plain.count > 0 else {
      try self.init(values: Tensor.zeros(plain.shape, .i8), scales: emptyScales(plain.shape, axis), axis: axis, mask: mask)
      return
    }
    let sizes = try plain.abs(), counted = try mask.map { try $0.ne(0).converted(to: .f32) } ?? Tensor.ones(plain.shape)
    let mean = try sizes.sum(axes: others) / counted.sum(axes: others).clip(min: 1)
    let large = try sizes.gt(spread(mean, rank: plain.rank, axis: axis) * 0.7).converted(to: .f32)
    let scales = try (sizes * large).sum(axes: others) / large.sum(axes: others).clip(min: 1)
    try self.init(values: (plain.sign() * large).converted(to: .i8), scales: scales, axis: axis, mask: mask)
  }

  /// The shape of the dense form.
  public var shape: Shape { values.shape }
  /// How many elements of the dense form are not 0.
  public var nonzeros: Int { (try? dense().countNonzero()) ?? values.count }

  /// f32: the value times its scale.
  public func dense() throws -> Tensor { try values.converted(to: .f32) * spread(scales, rank: values.rank, axis: axis) }

  /// The values of an update; the gradient passes straight through where nothing is held at 0.
  public func projected(_ leaf: Tensor) throws -> Tensor {
    let value = try updated(from: leaf.detached()).dense().converted(to: leaf.dtype)
    return try Tensor.custom(inputs: [leaf], forward: { _ in value }, gradient: { gradient, _, _ in
      [try kept.map { try gradient * $0.converted(to: gradient.dtype) } ?? gradient]
    })
  }

  /// Values and scales are both new; what `kept` holds stays 0.
  /// - Throws: `shape` when the new values have another shape.
  public func updated(from leaf: Tensor) throws -> any Representation {
    try requireShape(leaf, shape, Self.kind)
    return try TernaryRepresentation(nearest: leaf, axis: axis, mask: kept)
  }

  /// A slice is of the same kind: scales, mask and values are cut alike.
  public func sliced(axis cut: Int, keeping: [Int]) throws -> any Representation {
    try TernaryRepresentation(
      values: values.keeping(keeping, axis: cut), scales: cut == axis ? scales.keeping(keeping, axis: 0) : scales, axis: axis,
      mask: kept?.keeping(keeping, axis: cut))
  }

  /// True (bool, the dense shape) where a later step may set a value; nil: everywhere.
  public func mask() throws -> Tensor? { kept }

  /// The scales stay what they were.
  public func masked(_ mask: Tensor) throws -> any Representation {
    try TernaryRepresentation(values: values, scales: scales, axis: axis, mask: both(kept, mask))
  }

  /// Values take two bits each, as 0, 1 and 2; a mask takes one bit a position.
  public func encode(into encoder: inout RepresentationEncoder) throws {
    encoder.set("shape", .integers(shape.dimensions))
    if let axis { encoder.set("axis", .integer(axis)) }
    encoder.set("values", blob: try packedBits(values.values(as: Int8.self).map { UInt8($0 + 1) }, bits: 2))
    encoder.set("scales", blob: scales)
    if let kept { encoder.set("mask", blob: try packedBits(kept.values(as: UInt8.self), bits: 1)) }
  }

  /// Reads what `encode` wrote.
  ///
  /// - Throws: `format` for fields that are missing, of another type, or do not fit each other.
  public init(from decoder: inout RepresentationDecoder) throws {
    let shape = try decoder.shape("shape")
    let values = try decoder.unpacked("values", shape, bits: 2).values(as: UInt8.self).map { Int8($0) - 1 }
    let mask = try decoder.has("mask") ? decoder.unpacked("mask", shape, bits: 1).ne(0) : nil
    do {
      try self.init(
        values: Tensor(values, shape: shape), scales: decoder.tensor("scales", [.f32]),
        axis: decoder.has("axis") ? decoder.integer("axis") : nil, mask: mask)
    } catch let error as PareError where error.code != .format { throw decoder.invalid(error.description) }
  }
}

private func requireAxis(_ axis: Int?, of shape: Shape, _ kind: String) throws {
  if let axis, !(0..<shape.rank).contains(axis) {
    throw PareError(.argument, "\(kind) parameter", argument: "axis", expected: "0..<\(shape.rank)", got: "\(axis)")
  }
}

private func checkedScales(_ scales: Tensor, of shape: Shape, axis: Int?, _ kind: String) throws -> Tensor {
  try requireAxis(axis, of: shape, kind)
  let count = axis.map { shape[$0] } ?? 1
  guard scales.dtype == .f32, scales.count == count else {
    throw PareError(.shape, "scales of a \(kind) parameter", expected: "f32[\(count)]",
                    got: "\(scales.dtype.name)\(scales.shape.dimensions)")
  }
  guard try scales.values(as: Float.self).allSatisfy({ $0 >= 0 && $0.isFinite }) else {
    throw PareError(.argument, "scales of a \(kind) parameter", argument: "scales", expected: "finite numbers from 0")
  }
  return try scales.detached().reshaped(axis == nil ? Shape([]) : Shape([count]))
}

private func spread(_ scales: Tensor, rank: Int, axis: Int?) throws -> Tensor {
  try scales.reshaped(IntegerRepresentation.broadcastShape(rank: rank, axis: axis, count: scales.count))
}

private func emptyScales(_ shape: Shape, _ axis: Int?) throws -> Tensor {
  try Tensor.zeros(axis.map { try Shape([shape[$0]]) } ?? Shape([]))
}
