import Support
import Tensor

/// Compressed sparse rows: the first axis are the rows, all others together the columns; only nonzeros are stored.
///
/// The pattern is the invariant: a position that is not stored stays 0.
public struct CSRRepresentation: Representation {
  public static let kind = "csr"
  public let shape: Shape
  /// Floating, `[stored]`: values row by row, columns ascending.
  public let values: Tensor
  /// The column of each value.
  public let columns: [Int32]
  /// Where each row starts in `columns`; one more entry than rows.
  public let rowStarts: [Int]

  /// Stores the nonzeros of a dense tensor of rank 1 or more.
  public init(_ tensor: Tensor) throws { try self.init(tensor, pattern: tensor.ne(0)) }

  /// Stores the positions where `pattern` (bool, the tensor's shape) is true, zeros included.
  public init(_ tensor: Tensor, pattern: Tensor) throws {
    guard tensor.dtype.isFloating, tensor.rank >= 1 else {
      throw PareError(.dtype, "csr parameter", expected: "a floating tensor of rank 1 or more",
                      got: "\(tensor.dtype.name) of rank \(tensor.rank)")
    }
    try requireShape(pattern, tensor.shape, Self.kind)
    let rows = tensor.shape[0], width = rows == 0 ? 0 : tensor.count / rows
    let kept = try pattern.values(as: UInt8.self)
    var columns: [Int32] = [], starts = [0], positions: [Int64] = []
    for row in 0..<rows {
      for column in 0..<width where kept[row * width + column] != 0 {
        columns.append(Int32(column))
        positions.append(Int64(row * width + column))
      }
      starts.append(columns.count)
    }
    let flat = try tensor.detached().reshaped(Shape([tensor.count]))
    shape = tensor.shape
    values = try flat.gather(axis: 0, indices: Tensor(positions, shape: Shape([positions.count])))
    self.columns = columns
    rowStarts = starts
  }

  private init(shape: Shape, values: Tensor, columns: [Int32], rowStarts: [Int]) {
    self.shape = shape
    self.values = values
    self.columns = columns
    self.rowStarts = rowStarts
  }

  /// Elements in one row.
  public var rowWidth: Int { shape[0] == 0 ? 0 : shape.count / shape[0] }
  public var nonzeros: Int { (try? values.countNonzero()) ?? values.count }
  /// The stored values, zeros among them included.
  public var storedElements: Int { columns.count }

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
    for row in 0..<(rowStarts.count - 1) {
      for index in rowStarts[row]..<rowStarts[row + 1] { dense[row * width + Int(columns[index])] = source[index] }
    }
    return try Tensor(dense, shape: shape)
  }

  /// True (bool, the dense shape) where a value is stored.
  public func pattern() throws -> Tensor {
    try scattered([UInt8](repeating: 1, count: columns.count), zero: 0).ne(0)
  }

  /// The leaf, 0 where nothing is stored; there its gradient is 0 as well.
  public func projected(_ leaf: Tensor) throws -> Tensor { try leaf * pattern().converted(to: leaf.dtype) }

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

  /// The pattern: whatever is stored.
  public func mask() throws -> Tensor? { try pattern() }

  /// What the mask leaves out is no longer stored.
  public func masked(_ mask: Tensor) throws -> any Representation {
    let both = try Tensor.where(mask, pattern(), Tensor.zeros(shape, .bool))
    return try CSRRepresentation(dense(), pattern: both)
  }

  /// Columns are stored as distances from the one before in the row, in the narrowest width that holds them all.
  public func encode(into encoder: inout RepresentationEncoder) throws {
    encoder.set("shape", .integers(shape.dimensions))
    encoder.set("values", blob: values)
    var distances: [Int] = []
    distances.reserveCapacity(columns.count)
    for row in 0..<(rowStarts.count - 1) {
      var before = 0
      for index in rowStarts[row]..<rowStarts[row + 1] {
        distances.append(Int(columns[index]) - before)
        before = Int(columns[index])
      }
    }
    let counts = zip(rowStarts, rowStarts.dropFirst()).map { $1 - $0 }
    try encoder.set("columns", blob: narrowed(distances))
    try encoder.set("row_counts", blob: narrowed(counts))
  }

  public init(from decoder: inout RepresentationDecoder) throws {
    let shape = try decoder.shape("shape")
    guard shape.rank >= 1 else { throw decoder.invalid("'shape' must have rank 1 or more") }
    let values = try decoder.tensor("values")
    guard values.dtype.isFloating, values.rank == 1 else { throw decoder.invalid("'values' must be a floating vector") }
    let counts = try widened(decoder.tensor("row_counts"), decoder), distances = try widened(decoder.tensor("columns"), decoder)
    guard counts.count == shape[0] else {
      throw decoder.invalid("'row_counts'", expected: "\(shape[0]) rows", got: "\(counts.count)")
    }
    guard distances.count == values.count else {
      throw decoder.invalid("'columns'", expected: "\(values.count) entries", got: "\(distances.count)")
    }
    let width = shape[0] == 0 ? 0 : shape.count / shape[0]
    guard width <= Int(Int32.max) else { throw decoder.invalid("rows of \(width) elements are too wide") }
    var starts = [0], columns: [Int32] = []
    columns.reserveCapacity(distances.count)
    for count in counts {
      let end = starts[starts.count - 1] + count
      guard end <= distances.count else { throw decoder.invalid("'row_counts' exceed the \(distances.count) values") }
      var column = 0
      for index in starts[starts.count - 1]..<end {
        let first = index == starts[starts.count - 1]
        guard first || distances[index] > 0 else { throw decoder.invalid("'columns' are not ascending") }
        column += distances[index]
        guard column < width else { throw decoder.invalid("'columns'", expected: "below \(width)", got: "\(column)") }
        columns.append(Int32(column))
      }
      starts.append(end)
    }
    guard starts[starts.count - 1] == values.count else {
      throw decoder.invalid("'row_counts'", expected: "\(values.count) values", got: "\(starts[starts.count - 1])")
    }
    self.init(shape: shape, values: values, columns: columns, rowStarts: starts)
  }
}

/// Nonnegative integers as one, two or four little-endian bytes each; the width is the tensor's last axis.
private func narrowed(_ integers: [Int]) throws -> Tensor {
  let largest = integers.max() ?? 0
  let width = largest <= 0xFF ? 1 : largest <= 0xFFFF ? 2 : 4
  var bytes: [UInt8] = []
  bytes.reserveCapacity(integers.count * width)
  for value in integers {
    for byte in 0..<width { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * byte))) }
  }
  return try Tensor(bytes, shape: Shape([integers.count, width]))
}

private func widened(_ tensor: Tensor, _ decoder: RepresentationDecoder) throws -> [Int] {
  guard tensor.dtype == .u8, tensor.rank == 2, [1, 2, 4].contains(tensor.shape[1]) else {
    throw decoder.invalid("index blob", expected: "u8[n, 1, 2 or 4]", got: "\(tensor.dtype.name)\(tensor.shape.dimensions)")
  }
  let width = tensor.shape[1], bytes = try tensor.values(as: UInt8.self)
  return (0..<tensor.shape[0]).map { index in
    (0..<width).reduce(0) { $0 | Int(bytes[index * width + $1]) << (8 * $1) }
  }
}
