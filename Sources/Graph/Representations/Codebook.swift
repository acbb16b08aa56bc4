import Support
import Tensor

/// Weights that share few values (Han et al. 2016, Deep Compression, arXiv:1510.00149): a table, and for each element the
/// place of its value in it.
///
/// Which elements share a value is the invariant: an update moves each entry of the table to the mean of its elements.
public struct CodebookRepresentation: Representation {
  /// What files and listings call it.
  public static let kind = "codebook"
  /// u8, the parameter's shape; each below the number of entries.
  public let codes: Tensor
  /// f32 `[entries]`, 1...256 of them.
  public let table: Tensor
  /// bool, the parameter's shape: false is held at 0, whatever its code. Nil holds nothing.
  public let kept: Tensor?

  /// - Throws: `dtype`, `shape` or `argument` naming what does not fit.
  public init(codes: Tensor, table: Tensor, mask: Tensor? = nil) throws {
    guard codes.dtype == .u8, table.dtype == .f32, table.rank == 1 else {
      throw PareError(.dtype, "codebook parameter", expected: "codes u8 and a table f32[n]",
                      got: "\(codes.dtype.name), \(table.dtype.name)\(table.shape.dimensions)")
    }
    guard (1...256).contains(table.count), try table.isFinite() else {
      throw PareError(.argument, "codebook parameter", argument: "table", expected: "1...256 finite entries", got: "\(table.count)")
    }
    let largest = try codes.count == 0 ? 0 : Int(codes.max().item())
    guard largest < table.count else {
      throw PareError(.argument, "codebook parameter", argument: "codes", expected: "below \(table.count)", got: "\(largest)")
    }
    if let mask { try requireShape(mask, codes.shape, Self.kind) }
    self.codes = codes.detached()
    self.table = table.detached()
    kept = try mask.map { try $0.dtype == .bool ? $0.detached() : $0.detached().ne(0) }
  }

  /// Gives each element the nearest entry of an ascending table.
  public static func nearest(_ tensor: Tensor, table: Tensor, mask: Tensor? = nil) throws -> CodebookRepresentation {
    let entries = try table.values(as: Float.self), values = try tensor.detached().values(as: Float.self)
    guard !entries.isEmpty, zip(entries, entries.dropFirst()).allSatisfy({ $0 <= $1 }) else {
      throw PareError(.argument, "codebook parameter", argument: "table", expected: "ascending entries", got: "\(entries.count)")
    }
    let middles = zip(entries, entries.dropFirst()).map { $0 + ($1 - $0) / 2 }
    let codes = values.map { value in
      var low = 0, high = middles.count
      while low < high {
        let middle = (low + high) / 2
        if middles[middle] < value { low = middle + 1 } else { high = middle }
      }
      return UInt8(truncatingIfNeeded: low)
    }
    return try CodebookRepresentation(codes: Tensor(codes, shape: tensor.shape), table: table, mask: mask)
  }

  /// The shape of the dense form.
  public var shape: Shape { codes.shape }
  /// The number of different values.
  public var entries: Int { table.count }
  /// Bits of a code in a file.
  public var bits: Int { max(1, Int.bitWidth - (entries - 1).leadingZeroBitCount) }
  /// How many elements of the dense form are not 0.
  public var nonzeros: Int { (try? dense().countNonzero()) ?? codes.count }

  /// f32: each code's entry of the table, 0 where `kept` is false.
  public func dense() throws -> Tensor {
    let values = try table.values(as: Float.self)
    let dense = try Tensor(codes.values(as: UInt8.self).map { values[Int($0)] }, shape: shape)
    return try kept.map { try Tensor.where($0, dense, Tensor.zeros(shape)) } ?? dense
  }

  /// Each element takes the mean of those that share its value; the gradient passes straight through.
  public func projected(_ leaf: Tensor) throws -> Tensor {
    let value = try shared(leaf.detached()).dense().converted(to: leaf.dtype)
    return try Tensor.custom(inputs: [leaf], forward: { _ in value }, gradient: { gradient, _, _ in
      [try kept.map { try gradient * $0.converted(to: gradient.dtype) } ?? gradient]
    })
  }

  /// Codes stay; each entry becomes the mean of its elements' new values.
  /// - Throws: `shape` when the new values have another shape.
  public func updated(from leaf: Tensor) throws -> any Representation { try shared(leaf) }

  /// Entries that nobody has, keep their value.
  private func shared(_ leaf: Tensor) throws -> CodebookRepresentation {
    try requireShape(leaf, shape, Self.kind)
    let values = try leaf.detached().values(as: Float.self), codes = try codes.values(as: UInt8.self)
    let held = try kept?.values(as: Bool.self)
    var sums = [Double](repeating: 0, count: entries), counts = [Int](repeating: 0, count: entries)
    for (index, code) in codes.enumerated() where held?[index] ?? true {
      sums[Int(code)] += Double(values[index])
      counts[Int(code)] += 1
    }
    let old = try table.values(as: Float.self)
    let means = old.indices.map { counts[$0] == 0 ? old[$0] : Float(sums[$0] / Double(counts[$0])) }
    return try CodebookRepresentation(codes: self.codes, table: Tensor(means, shape: [entries]), mask: kept)
  }

  /// The table stays whole, entries that nobody has any more included.
  public func sliced(axis: Int, keeping: [Int]) throws -> any Representation {
    try CodebookRepresentation(
      codes: codes.keeping(keeping, axis: axis), table: table, mask: kept?.keeping(keeping, axis: axis))
  }

  /// True (bool, the dense shape) where a later step may set a value; nil: everywhere.
  public func mask() throws -> Tensor? { kept }

  /// Codes and table stay what they were.
  public func masked(_ mask: Tensor) throws -> any Representation {
    try CodebookRepresentation(codes: codes, table: table, mask: both(kept, mask))
  }

  /// Codes take `bits` bits each; a mask takes one bit a position.
  public func encode(into encoder: inout RepresentationEncoder) throws {
    encoder.set("shape", .integers(shape.dimensions))
    encoder.set("table", blob: table)
    encoder.set("codes", blob: try packedBits(codes.values(as: UInt8.self), bits: bits))
    if let kept { encoder.set("mask", blob: try packedBits(kept.values(as: UInt8.self), bits: 1)) }
  }

  /// Reads what `encode` wrote.
  ///
  /// - Throws: `format` for fields that are missing, of another type, or do not fit each other.
  public init(from decoder: inout RepresentationDecoder) throws {
    let shape = try decoder.shape("shape"), table = try decoder.tensor("table", [.f32])
    guard (1...256).contains(table.count) else {
      throw decoder.invalid("'table'", expected: "1...256 entries", got: "\(table.count)")
    }
    let bits = max(1, Int.bitWidth - (table.count - 1).leadingZeroBitCount)
    let codes = try decoder.unpacked("codes", shape, bits: bits)
    let mask = try decoder.has("mask") ? decoder.unpacked("mask", shape, bits: 1).ne(0) : nil
    do { try self.init(codes: codes, table: table.reshaped([table.count]), mask: mask) } catch let error as PareError where error.code != .format {
      throw decoder.invalid(error.description)
    }
  }
}

extension Tensor {
  /// Whether no element is NaN or infinite.
  fileprivate func isFinite() throws -> Bool { try values(as: Float.self).allSatisfy(\.isFinite) }
}

/// What both masks keep.
func both(_ a: Tensor?, _ b: Tensor) throws -> Tensor {
  let b = try b.dtype == .bool ? b : b.ne(0)
  return try a.map { try Tensor.where(b, $0, Tensor.zeros($0.shape, .bool)) } ?? b
}

/// Values of a few bits without gaps, as a blob.
func packedBits(_ values: [UInt8], bits: Int) throws -> Tensor {
  let packed = BitPacking.pack(values, bits: bits)
  return try Tensor(packed, shape: Shape([packed.count]))
}

extension RepresentationDecoder {
  /// Reads a blob of values of a few bits, u8 of that shape.
  func unpacked(_ field: String, _ shape: Shape, bits: Int) throws -> Tensor {
    let packed = try tensor(field, [.u8], count: BitPacking.packedCount(shape.count, bits: bits))
    return try Tensor(BitPacking.unpack(packed.values(as: UInt8.self), count: shape.count, bits: bits), shape: shape)
  }
}
