import Support
import Tensor

/// Dense values of which some are held at 0: the state of a pruned parameter while it is trained on.
///
/// It is stored and executed as dense: a mask alone makes nothing smaller.
public struct MaskedRepresentation: Representation {
  /// What files and listings call it.
  public static let kind = "masked"
  /// The values, already 0 where masked.
  public let tensor: Tensor
  /// bool, the values' shape; true is kept.
  public let kept: Tensor
  /// What listings show: `masked`, or the pattern that the mask keeps, such as `2:4`.
  public let label: String

  /// - Parameters:
  ///   - tensor: floating values.
  ///   - mask: any dtype, the same shape; 0 is removed.
  /// - Throws: `shape` when the shapes differ.
  public init(_ tensor: Tensor, mask: Tensor, label: String = MaskedRepresentation.kind) throws {
    try requireShape(mask, tensor.shape, Self.kind)
    let mask = try mask.dtype == .bool ? mask.detached() : mask.detached().ne(0)
    kept = mask
    self.tensor = try Tensor.where(mask, tensor.detached(), Tensor.zeros(tensor.shape, tensor.dtype))
    self.label = label
  }

  /// The shape of the dense form.
  public var shape: Shape { tensor.shape }
  /// How many elements of the dense form are not 0.
  public var nonzeros: Int { (try? tensor.countNonzero()) ?? tensor.count }

  /// The tensor itself: nothing is copied.
  public func dense() throws -> Tensor { tensor }

  /// The leaf, 0 where masked; there its gradient is 0 as well.
  public func projected(_ leaf: Tensor) throws -> Tensor { try leaf * kept.converted(to: leaf.dtype) }

  /// Mask and label stay.
  /// - Throws: `shape` when the new values have another shape.
  public func updated(from leaf: Tensor) throws -> any Representation {
    try requireShape(leaf, shape, Self.kind)
    return try MaskedRepresentation(leaf, mask: kept, label: label)
  }

  /// A slice is of the same kind: what belongs to each element is cut alike.
  public func sliced(axis: Int, keeping: [Int]) throws -> any Representation {
    try MaskedRepresentation(tensor.keeping(keeping, axis: axis), mask: kept.keeping(keeping, axis: axis), label: label)
  }

  /// True (bool, the dense shape) where a later step may set a value; nil: everywhere.
  public func mask() throws -> Tensor? { kept }

  /// What either mask removes is removed; the label becomes `masked`.
  public func masked(_ mask: Tensor) throws -> any Representation {
    try MaskedRepresentation(tensor, mask: Tensor.where(mask, kept, Tensor.zeros(shape, .bool)))
  }

  /// Values are written whole; the mask takes one bit a position.
  public func encode(into encoder: inout RepresentationEncoder) throws {
    encoder.set("label", .string(label))
    encoder.set("values", blob: tensor)
    let bits = try kept.values(as: UInt8.self)
    let packed = BitPacking.pack(bits, bits: 1)
    encoder.set("mask", blob: try Tensor(packed, shape: Shape([packed.count])))
  }

  /// Reads what `encode` wrote.
  ///
  /// - Throws: `format` for fields that are missing, of another type, or do not fit each other.
  public init(from decoder: inout RepresentationDecoder) throws {
    let values = try decoder.tensor("values")
    guard values.dtype.isFloating else { throw decoder.invalid("'values' must be floating") }
    let packed = try decoder.tensor("mask", [.u8], count: BitPacking.packedCount(values.count, bits: 1))
    let bits = BitPacking.unpack(try packed.values(as: UInt8.self), count: values.count, bits: 1)
    try self.init(values, mask: Tensor(bits, shape: values.shape), label: decoder.string("label"))
  }
}
