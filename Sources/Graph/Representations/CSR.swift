import Support
import Tensor

/// Compressed sparse rows: the first axis are the rows, all others together the columns; only nonzeros are stored.
public struct CSRRepresentation: SparseRepresentation {
  /// What files and listings call it.
  public static let kind = "csr"
  /// The shape of the dense form.
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
    let positions = rows.positions(width: width)
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

  /// The elements of `stored` at their places in the dense shape, 0 elsewhere.
  public func scattered(_ stored: Tensor) throws -> Tensor {
    let positions = rows.positions(width: rowWidth)
    let indices = try Tensor(positions, shape: Shape([positions.count]))
    return try Tensor.zeros(Shape([shape.count]), stored.dtype).scatterElements(axis: 0, indices: indices, values: stored).reshaped(shape)
  }

  /// Sparse rows of `tensor` where `pattern` is true.
  public func storing(_ tensor: Tensor, pattern: Tensor) throws -> any Representation { try CSRRepresentation(tensor, pattern: pattern) }

  /// Fields: the shape, the stored values in the order of rows, and for each row where it begins and its columns.
  public func encode(into encoder: inout RepresentationEncoder) throws {
    encoder.set("shape", .integers(shape.dimensions))
    encoder.set("values", blob: values)
    try rows.encode(into: &encoder)
  }

  /// Reads what `encode` wrote.
  ///
  /// - Throws: `format` for fields that are missing, of another type, or do not fit each other.
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
