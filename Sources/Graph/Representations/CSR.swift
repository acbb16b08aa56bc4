import Support
import Tensor

/// Compressed sparse rows: the first axis are the rows, all others together the columns; only nonzeros are stored.
public struct CSRRepresentation: SparseRepresentation {
  public static let kind = "csr"
  public let shape: Shape
  /// Floating, `[stored]`: values row by row, columns ascending.
  public let values: Tensor
  private let rows: SparseRows

  /// Stores the nonzeros of a dense tensor of rank 1 or more.
  public init(_ tensor: Tensor) throws { try self.init(tensor, pattern: tensor.ne(0)) }

  /// Stores the positions where `pattern` (bool, the tensor's shape) is true, zeros included.
  public init(_ tensor: Tensor, pattern: Tensor) throws {
    guard tensor.dtype.isFloating, tensor.rank >= 1 else {
      throw PareError(.dtype, "csr parameter", expected: "a floating tensor of rank 1 or more",
                      got: "\(tensor.dtype.name) of rank \(tensor.rank)")
    }
    try requireShape(pattern, tensor.shape, Self.kind)
    let width = tensor.shape[0] == 0 ? 0 : tensor.count / tensor.shape[0]
    let kept = try pattern.values(as: UInt8.self)
    rows = SparseRows(rows: tensor.shape[0], width: width) { kept[$0 * width + $1] != 0 }
    var positions: [Int64] = []
    positions.reserveCapacity(rows.columns.count)
    rows.forEach { positions.append(Int64($0 * width + $1)) }
    let flat = try tensor.detached().reshaped(Shape([tensor.count]))
    shape = tensor.shape
    values = try flat.gather(axis: 0, indices: Tensor(positions, shape: Shape([positions.count])))
  }

  /// The column of each value.
  public var columns: [Int32] { rows.columns }
  /// Where each row starts in `columns`; one more entry than rows.
  public var rowStarts: [Int] { rows.starts }
  /// Elements in one row.
  public var rowWidth: Int { shape[0] == 0 ? 0 : shape.count / shape[0] }

  /// Of the values' dtype, 0 where nothing is stored.
  public func dense() throws -> Tensor {
    switch values.dtype {
    case .f64: try scattered(values.values(as: Double.self), zero: 0)
    case .f32: try scattered(values.values(as: Float.self), zero: 0)
    default: try scattered(values.values(as: Float.self), zero: 0).converted(to: values.dtype)
    }
  }

  private func scattered<T: TensorElement>(_ source: [T], zero: T) throws -> Tensor {
    var dense = [T](repeating: zero, count: shape.count)
    let width = rowWidth
    var next = 0
    rows.forEach { row, column in
      dense[row * width + column] = source[next]
      next += 1
    }
    return try Tensor(dense, shape: shape)
  }

  public func pattern() throws -> Tensor {
    try scattered([UInt8](repeating: 1, count: columns.count), zero: 0).ne(0)
  }

  /// The pattern stays, also where a new value is 0.
  /// - Throws: `shape` when the new values have another shape.
  public func updated(from leaf: Tensor) throws -> any Representation {
    try requireShape(leaf, shape, Self.kind)
    return try CSRRepresentation(leaf, pattern: pattern())
  }

  /// Values and pattern are cut alike; zeros that are stored stay stored.
  public func sliced(axis: Int, keeping: [Int]) throws -> any Representation {
    try CSRRepresentation(dense().keeping(keeping, axis: axis), pattern: pattern().keeping(keeping, axis: axis))
  }

  /// What the mask leaves out is no longer stored.
  public func masked(_ mask: Tensor) throws -> any Representation {
    let both = try Tensor.where(mask, pattern(), Tensor.zeros(shape, .bool))
    return try CSRRepresentation(dense(), pattern: both)
  }

  public func encode(into encoder: inout RepresentationEncoder) throws {
    encoder.set("shape", .integers(shape.dimensions))
    encoder.set("values", blob: values)
    try rows.encode(into: &encoder)
  }

  public init(from decoder: inout RepresentationDecoder) throws {
    shape = try decoder.shape("shape")
    guard shape.rank >= 1 else { throw decoder.invalid("'shape' must have rank 1 or more") }
    values = try decoder.tensor("values")
    guard values.dtype.isFloating, values.rank == 1 else { throw decoder.invalid("'values' must be a floating vector") }
    rows = try SparseRows(from: &decoder, rows: shape[0], width: shape[0] == 0 ? 0 : shape.count / shape[0])
    guard rows.columns.count == values.count else {
      throw decoder.invalid("'columns'", expected: "\(values.count) entries", got: "\(rows.columns.count)")
    }
  }
}
