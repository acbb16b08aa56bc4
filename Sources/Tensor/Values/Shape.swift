import Support

/// Up to eight sizes, strides or positions, stored inline.
package struct Dims: Sendable, BitwiseCopyable {
  package static let maxRank = 8
  package var values = InlineArray<8, Int>(repeating: 0)
  package var rank = 0

  package init() {}
  package init(repeating value: Int, rank: Int) {
    values = InlineArray(repeating: value)
    self.rank = rank
  }
  package subscript(_ i: Int) -> Int {
    @inline(__always) get { values[i] }
    @inline(__always) set { values[i] = newValue }
  }
  mutating func append(_ value: Int) {
    values[rank] = value
    rank += 1
  }
  package var array: [Int] { (0..<rank).map { values[$0] } }

  @inline(__always) static func equal(_ a: Dims, _ b: Dims) -> Bool {
    guard a.rank == b.rank else { return false }
    for i in 0..<a.rank where a.values[i] != b.values[i] { return false }
    return true
  }
}

/// The sizes of a tensor's axes, outermost first; at most eight axes, stored inline.
///
/// A sequence of its sizes; not a collection, whose `count` would be the number of axes instead of elements. Equality and
/// hashing are by sizes. A literal with a negative size, more than eight axes, or more elements than memory
/// could hold makes an invalid shape, which every function that would allocate by it refuses with a `PareError`.
public struct Shape: Sendable, Hashable, ExpressibleByArrayLiteral, Sequence, CustomStringConvertible {
  package var dims: Dims
  /// -1 when invalid.
  private let elements: Int

  /// Creates a shape from sizes.
  /// - Throws: `shape` for a negative size, more than eight axes, or a product that overflows.
  public init(_ dimensions: some Sequence<Int>) throws {
    self.init(unchecked: dimensions)
    try validate()
  }

  /// `[2, 3]` as a shape; sizes that make none are found where a tensor is made of it.
  public init(arrayLiteral elements: Int...) { self.init(unchecked: elements) }

  package init(unchecked dimensions: some Sequence<Int>) {
    var dims = Dims()
    var valid = true
    for size in dimensions {
      guard dims.rank < Dims.maxRank else {
        valid = false
        break
      }
      dims.append(size)
    }
    self.init(dims, valid: valid)
  }

  package init(_ dims: Dims, valid: Bool = true) {
    var count = valid ? 1 : -1
    var empty = false
    for i in 0..<dims.rank where count >= 0 {
      let size = dims[i]
      if size == 0 { empty = true }
      let (product, overflow) = count.multipliedReportingOverflow(by: Swift.max(size, 1))
      // Room for eight bytes each, so that no byte count overflows later.
      count = overflow || size < 0 || product > Int.max / 16 ? -1 : product
    }
    self.dims = dims
    elements = count > 0 && empty ? 0 : count
  }

  /// The number of elements; 1 for no axes. 0 for an invalid shape.
  public var count: Int { Swift.max(elements, 0) }
  /// The number of axes.
  public var rank: Int { dims.rank }
  /// The sizes as an array.
  public var dimensions: [Int] { dims.array }
  /// The positions of the axes.
  public var indices: Range<Int> { 0..<dims.rank }
  /// The first size; nil without axes.
  public var first: Int? { rank > 0 ? dims[0] : nil }
  /// The last size; nil without axes.
  public var last: Int? { rank > 0 ? dims[rank - 1] : nil }
  /// The sizes of neighbouring axes.
  public subscript(_ axes: some RangeExpression<Int>) -> [Int] { Array(dimensions[axes]) }
  /// Goes over the sizes, first axis first.
  public func makeIterator() -> IndexingIterator<[Int]> { dimensions.makeIterator() }
  /// The number of axes.
  public var underestimatedCount: Int { rank }
  /// The size of one axis; negative positions are not accepted.
  public subscript(_ axis: Int) -> Int {
    precondition(axis >= 0 && axis < dims.rank, "axis \(axis) outside a shape of \(dims.rank) axes")
    return dims[axis]
  }

  package func validate() throws {
    guard elements >= 0 else {
      throw PareError(
        .shape, "\(self) is no shape of a tensor", expected: "at most \(Dims.maxRank) axes, sizes from 0, a product that fits")
    }
  }

  package var isValid: Bool { elements >= 0 }

  /// The same sizes in the same order.
  public static func == (a: Shape, b: Shape) -> Bool { Dims.equal(a.dims, b.dims) && a.isValid == b.isValid }
  /// Takes in what `==` compares.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(rank)
    for i in 0..<rank { hasher.combine(dims[i]) }
  }
  public var description: String { "[" + dimensions.map { String($0) }.joined(separator: ", ") + "]" }

  /// Strides of the dense row-major layout.
  package var rowMajor: Dims {
    var strides = Dims(repeating: 1, rank: rank)
    var step = 1
    for i in stride(from: rank - 1, through: 0, by: -1) {
      strides[i] = step
      step *= Swift.max(dims[i], 1)
    }
    return strides
  }

  /// Returns the position of `axis`, which may count from the end (-1 is the last).
  package func axis(_ axis: Int, _ op: @autoclosure () -> String) throws -> Int {
    let position = axis < 0 ? axis + rank : axis
    guard position >= 0, position < rank else {
      throw PareError(
        .argument, "[\(op())] axis \(axis) does not exist in shape \(self)", argument: "axis",
        expected: rank == 0 ? "a tensor with axes" : "\(-rank)...\(rank - 1)", op: op())
    }
    return position
  }

  /// Returns the same shape with one size replaced.
  package func replacing(_ axis: Int, with size: Int) -> Shape {
    var dims = dims
    dims[axis] = size
    return Shape(dims)
  }

  /// Returns the shape to which both broadcast (NumPy's rule).
  package static func broadcast(_ a: Shape, _ b: Shape, _ op: @autoclosure () -> String) throws -> Shape {
    if a == b { return a }
    let rank = Swift.max(a.rank, b.rank)
    var dims = Dims(repeating: 1, rank: rank)
    for i in 0..<rank {
      let x = i < rank - a.rank ? 1 : a.dims[i - (rank - a.rank)]
      let y = i < rank - b.rank ? 1 : b.dims[i - (rank - b.rank)]
      guard x == y || x == 1 || y == 1 else {
        throw PareError(.shape, "[\(op())] shapes \(a) and \(b) do not broadcast", op: op())
      }
      dims[i] = x == 1 ? y : x
    }
    let shape = Shape(dims)
    try shape.validate()
    return shape
  }
}
