import Support
import Tensor

/// Blocks of some output channels times some input channels at one kernel position, stored or left out as a whole: the
/// values of those that are stored, and one index a block.
///
/// Blocks at the end of an axis are smaller where its size is no multiple of theirs.
public struct BlockRepresentation: SparseRepresentation {
  /// What files and listings call it.
  public static let kind = "block"
  /// The shape of the dense form.
  public let shape: Shape
  /// Output channels of a block.
  public let height: Int
  /// Input channels of a block.
  public let width: Int
  /// The axis of output channels, 0 or 1; the other one has the input channels, those after them the kernel positions.
  public let axis: Int
  /// Floating, `[stored]`: block after block in the order of `grid`, each output by output.
  public let values: Tensor
  /// Rows of blocks; a column is a place along the input channels, and within it a kernel position.
  private let grid: SparseRows

  /// Stores the positions where `pattern` (bool, the tensor's shape) is true, zeros included; nil where they are not whole
  /// blocks.
  /// - Throws: `dtype`, or `argument` for sizes below 1, an axis that is not 0 or 1, or a rank below 2.
  public init?(_ tensor: Tensor, pattern: Tensor, height: Int, width: Int, axis: Int = 0) throws {
    guard tensor.dtype.isFloating else { throw PareError(.dtype, "block parameter", expected: "a floating tensor", got: tensor.dtype.name) }
    guard let layout = Layout(tensor.shape, height, width, axis) else {
      throw PareError(.argument, "block parameter", expected: "blocks from 1x1 of a tensor of rank 2 or more, axis 0 or 1",
                      got: "\(height)x\(width) of \(tensor.shape.dimensions), axis \(axis)")
    }
    try requireShape(pattern, tensor.shape, Self.kind)
    let flags = try pattern.values(as: UInt8.self)
    grid = SparseRows(rows: layout.rows, width: layout.columns) { flags[layout.first($0, $1)] != 0 }
    let positions = layout.positions(grid)
    let stored = flags.reduce(0) { $0 + ($1 == 0 ? 0 : 1) }
    guard stored == positions.count, positions.allSatisfy({ flags[Int($0)] != 0 }) else { return nil }
    shape = tensor.shape
    (self.height, self.width, self.axis) = (height, width, axis)
    let flat = try tensor.detached().reshaped(Shape([tensor.count]))
    values = try flat.gather(axis: 0, indices: Tensor(positions, shape: Shape([positions.count])))
  }

  /// Where the blocks of a shape lie.
  private struct Layout {
    let outputs: Int, inputs: Int, taps: Int, height: Int, width: Int, axis: Int

    init?(_ shape: Shape, _ height: Int, _ width: Int, _ axis: Int) {
      guard shape.rank >= 2, height > 0, width > 0, axis == 0 || axis == 1 else { return nil }
      // Of a shape without elements nothing is multiplied: its other sizes may be any.
      let isEmpty = shape.count == 0
      (outputs, inputs) = isEmpty ? (0, 0) : (shape[axis], shape[1 - axis])
      taps = isEmpty ? 0 : shape.dimensions.dropFirst(2).reduce(1, *)
      (self.height, self.width, self.axis) = (height, width, axis)
    }

    /// Divisions that round up, without sums that could overflow.
    var rows: Int { outputs / height + (outputs % height == 0 ? 0 : 1) }
    var columns: Int { (inputs / width + (inputs % width == 0 ? 0 : 1)) * taps }

    private func position(_ output: Int, _ input: Int, _ tap: Int) -> Int {
      (axis == 0 ? output * inputs + input : input * outputs + output) * taps + tap
    }

    func first(_ row: Int, _ column: Int) -> Int { position(row * height, column / taps * width, column % taps) }

    /// How many elements the blocks of a grid have.
    func count(_ grid: SparseRows) -> Int {
      var count = 0
      grid.forEach { row, column in
        count += min(height, outputs - row * height) * min(width, inputs - column / taps * width)
      }
      return count
    }

    /// The position of each element of the blocks in the dense tensor.
    func positions(_ grid: SparseRows) -> [Int64] {
      var result: [Int64] = []
      result.reserveCapacity(count(grid))
      grid.forEach { row, column in
        let input = column / taps * width
        for o in row * height..<row * height + min(height, outputs - row * height) {
          for c in input..<input + min(width, inputs - input) { result.append(Int64(position(o, c, column % taps))) }
        }
      }
      return result
    }
  }

  private func layout() throws -> Layout {
    guard let layout = Layout(shape, height, width, axis) else { throw PareError(.internal, "block parameter of \(shape)") }
    return layout
  }

  /// The elements of `stored` at their places in the dense shape, 0 elsewhere.
  public func scattered(_ stored: Tensor) throws -> Tensor {
    let positions = try layout().positions(grid)
    let indices = try Tensor(positions, shape: Shape([positions.count]))
    return try Tensor.zeros(Shape([shape.count]), stored.dtype).scatterElements(axis: 0, indices: indices, values: stored).reshaped(shape)
  }

  /// Blocks that a slice or a mask takes apart are sparse rows.
  public func storing(_ tensor: Tensor, pattern: Tensor) throws -> any Representation {
    try BlockRepresentation(tensor, pattern: pattern, height: height, width: width, axis: axis)
      ?? CSRRepresentation(tensor, pattern: pattern)
  }

  /// One index a block, beside the values.
  public func encode(into encoder: inout RepresentationEncoder) throws {
    encoder.set("shape", .integers(shape.dimensions))
    encoder.set("height", .integer(height))
    encoder.set("width", .integer(width))
    encoder.set("axis", .integer(axis))
    encoder.set("values", blob: values)
    try grid.encode(into: &encoder)
  }

  /// - Throws: `format` unless grid and values fit the shape.
  public init(from decoder: inout RepresentationDecoder) throws {
    shape = try decoder.shape("shape")
    (height, width, axis) = (try decoder.integer("height"), try decoder.integer("width"), try decoder.integer("axis"))
    guard let layout = Layout(shape, height, width, axis) else {
      throw decoder.invalid("'height', 'width' and 'axis'", expected: "blocks from 1x1 of a tensor of rank 2 or more, axis 0 or 1",
                            got: "\(height)x\(width) of \(shape.dimensions), axis \(axis)")
    }
    values = try decoder.tensor("values")
    guard values.dtype.isFloating, values.rank == 1 else { throw decoder.invalid("'values' must be a floating vector") }
    grid = try SparseRows(from: &decoder, rows: layout.rows, width: layout.columns)
    let count = layout.count(grid)
    guard count == values.count else { throw decoder.invalid("'values'", expected: "\(count), those of all blocks", got: "\(values.count)") }
  }
}
