import Support
import Tensor

/// A representation that stores some positions only. Which ones is its invariant: what is not stored stays 0.
public protocol SparseRepresentation: Representation {
  /// Floating, `[stored]`: the stored values, zeros among them included.
  var values: Tensor { get }
  /// Puts one element for each stored one (of any dtype, in the order of `values`) into the dense shape; the others are 0.
  func scattered(_ stored: Tensor) throws -> Tensor
  /// Stores other values of any shape in this way where `pattern` (bool, that shape) is true, or as sparse rows where the
  /// pattern is none of this kind.
  func storing(_ tensor: Tensor, pattern: Tensor) throws -> any Representation
}

extension SparseRepresentation {
  /// How many elements of the dense form are not 0.
  public var nonzeros: Int { (try? values.countNonzero()) ?? values.count }
  /// The stored values, zeros among them included.
  public var storedElements: Int { values.count }
  /// Of the values' dtype, 0 where nothing is stored.
  public func dense() throws -> Tensor { try scattered(values) }
  /// True (bool, the dense shape) where a value is stored.
  public func pattern() throws -> Tensor { try scattered(Tensor.ones(Shape([values.count]), .f32)).ne(0) }
  /// The pattern: whatever is stored.
  public func mask() throws -> Tensor? { try pattern() }
  /// The leaf, 0 where nothing is stored; there its gradient is 0 as well.
  public func projected(_ leaf: Tensor) throws -> Tensor { try leaf * pattern().converted(to: leaf.dtype) }

  /// The pattern stays, also where a new value is 0.
  /// - Throws: `shape` when the new values have another shape.
  public func updated(from leaf: Tensor) throws -> any Representation {
    try requireShape(leaf, shape, Self.kind)
    return try storing(leaf, pattern: pattern())
  }

  /// Values and pattern are cut alike: zeros that are stored stay stored.
  public func sliced(axis: Int, keeping: [Int]) throws -> any Representation {
    try storing(dense().keeping(keeping, axis: axis), pattern: pattern().keeping(keeping, axis: axis))
  }

  /// What the mask leaves out is no longer stored.
  public func masked(_ mask: Tensor) throws -> any Representation {
    try storing(dense(), pattern: Tensor.where(mask, pattern(), Tensor.zeros(shape, .bool)))
  }
}

/// Rows of ascending columns: where something is stored in a matrix, in files as distances between neighbours.
struct SparseRows: Sendable {
  /// The column of each entry, row by row, ascending within a row.
  let columns: [Int32]
  /// Where each row starts in `columns`; one more entry than rows.
  let starts: [Int]

  init(columns: [Int32], starts: [Int]) { (self.columns, self.starts) = (columns, starts) }

  /// The entries for which `isStored` is true.
  init(rows: Int, width: Int, _ isStored: (_ row: Int, _ column: Int) -> Bool) {
    var columns: [Int32] = [], starts = [0]
    for row in 0..<rows {
      for column in 0..<width where isStored(row, column) { columns.append(Int32(column)) }
      starts.append(columns.count)
    }
    self.init(columns: columns, starts: starts)
  }

  /// Calls `body` for all entries, in order.
  func forEach(_ body: (_ row: Int, _ column: Int) -> Void) {
    for row in 0..<(starts.count - 1) {
      for index in starts[row]..<starts[row + 1] { body(row, Int(columns[index])) }
    }
  }

  /// Where the entries stand, row by row.
  func positions(width: Int) -> [Int64] {
    var positions: [Int64] = []
    positions.reserveCapacity(columns.count)
    forEach { positions.append(Int64($0 * width + $1)) }
    return positions
  }

  /// Columns are stored as distances from the one before in the row, in the narrowest width that holds them all.
  func encode(into encoder: inout RepresentationEncoder) throws {
    var distances: [Int] = []
    distances.reserveCapacity(columns.count)
    for row in 0..<(starts.count - 1) {
      var before = 0
      for index in starts[row]..<starts[row + 1] {
        distances.append(Int(columns[index]) - before)
        before = Int(columns[index])
      }
    }
    try encoder.set("columns", blob: narrowed(distances))
    try encoder.set("row_counts", blob: narrowed(zip(starts, starts.dropFirst()).map { $1 - $0 }))
  }

  /// - Throws: `format` unless there are `rows` rows of ascending columns below `width`.
  init(from decoder: inout RepresentationDecoder, rows: Int, width: Int) throws {
    let counts = try widened(decoder.tensor("row_counts"), decoder), distances = try widened(decoder.tensor("columns"), decoder)
    guard counts.count == rows else { throw decoder.invalid("'row_counts'", expected: "\(rows) rows", got: "\(counts.count)") }
    guard width <= Int(Int32.max) else { throw decoder.invalid("rows of \(width) elements are too wide") }
    var starts = [0], columns: [Int32] = []
    columns.reserveCapacity(distances.count)
    for count in counts {
      let begin = starts[starts.count - 1], end = begin + count
      guard end <= distances.count else { throw decoder.invalid("'row_counts' exceed the \(distances.count) columns") }
      var column = 0
      for index in begin..<end {
        guard index == begin || distances[index] > 0 else { throw decoder.invalid("'columns' are not ascending") }
        column += distances[index]
        guard column < width else { throw decoder.invalid("'columns'", expected: "below \(width)", got: "\(column)") }
        columns.append(Int32(column))
      }
      starts.append(end)
    }
    guard starts[starts.count - 1] == distances.count else {
      throw decoder.invalid("'row_counts'", expected: "\(distances.count) columns", got: "\(starts[starts.count - 1])")
    }
    self.init(columns: columns, starts: starts)
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
