import Support

/// An n-dimensional array of numbers: a value with shared storage, copied when it is mutated.
///
/// Views (slices, transposes, broadcasts) share storage with their origin. Operations are NumPy-like, throw `PareError`,
/// and record what a backward pass needs when an operand is tracked.
public struct Tensor: Sendable {
  /// The sizes of the axes, outermost first.
  public let shape: Shape
  package let layout: Dims
  package let offset: Int
  /// The type of the elements.
  public let dtype: DType
  package var storage: Storage
  package var node: TapeNode?

  package init(
    storage: Storage, shape: Shape, layout: Dims, offset: Int = 0, dtype: DType, node: TapeNode? = nil
  ) {
    self.storage = storage
    self.shape = shape
    self.layout = layout
    self.offset = offset
    self.dtype = dtype
    self.node = node
  }

  /// Returns a tensor whose elements are not set, row-major or with the given dense strides.
  package static func empty(_ shape: Shape, _ dtype: DType, layout: Dims? = nil) throws -> Tensor {
    try shape.validate()
    return Tensor(
      storage: try Storage(byteCount: shape.count * dtype.size), shape: shape, layout: layout ?? shape.rowMajor,
      dtype: dtype)
  }

  /// The number of elements.
  public var count: Int { shape.count }
  /// The number of axes.
  public var rank: Int { shape.rank }
  /// Elements between neighbours along each axis.
  public var strides: [Int] { layout.array }
  /// Bytes that the elements take when dense.
  public var byteCount: Int { count * dtype.size }

  /// The address of the first element; valid while the tensor is held.
  package var address: UnsafeMutableRawPointer { storage.base + offset * dtype.size }

  @inline(__always) package func pointer<T>(_: T.Type) -> UnsafeMutablePointer<T> {
    address.assumingMemoryBound(to: T.self)
  }

  /// True when the elements lie densely in row-major order.
  public var isContiguous: Bool {
    var step = 1
    for i in Swift.stride(from: shape.rank - 1, through: 0, by: -1) {
      let size = shape.dims[i]
      if size == 0 { return true }
      if size != 1 && layout[i] != step { return false }
      step *= size
    }
    return true
  }

  /// True when the elements lie densely in some order of the axes (row-major, channels-last, a transposed view).
  package var isDense: Bool { isContiguous || sortedDense }

  private var sortedDense: Bool {
    let order = strideOrder
    var step = 1
    for k in Swift.stride(from: shape.rank - 1, through: 0, by: -1) {
      let i = order[k]
      if shape.dims[i] == 0 { return true }
      if shape.dims[i] != 1 && layout[i] != step { return false }
      step *= shape.dims[i]
    }
    return true
  }

  /// Axes from the largest stride to the smallest, those of size 1 first.
  package var strideOrder: Dims {
    var order = Dims(repeating: 0, rank: shape.rank)
    var placed = 0
    for i in 0..<shape.rank where shape.dims[i] == 1 {
      order[placed] = i
      placed += 1
    }
    let ones = placed
    for i in 0..<shape.rank where shape.dims[i] != 1 {
      var k = placed
      while k > ones, layout[order[k - 1]] < layout[i] {
        order[k] = order[k - 1]
        k -= 1
      }
      order[k] = i
      placed += 1
    }
    return order
  }

  /// True when a 4-D tensor lies densely in the order N, H, W, C.
  public var isChannelsLast: Bool { rank == 4 && Tensor.isSame(layout, Tensor.channelsLastLayout(shape), shape) }

  package static func channelsLastLayout(_ shape: Shape) -> Dims {
    guard shape.rank == 4 else { return shape.rowMajor }
    var layout = Dims(repeating: 1, rank: 4)
    layout[3] = Swift.max(shape.dims[1], 1)
    layout[2] = layout[3] * Swift.max(shape.dims[3], 1)
    layout[0] = layout[2] * Swift.max(shape.dims[2], 1)
    return layout
  }

  /// Whether two layouts place the elements of `shape` alike: strides of axes of size 1 do not matter.
  @inline(__always) package static func isSame(_ a: Dims, _ b: Dims, _ shape: Shape) -> Bool {
    for i in 0..<shape.rank where a[i] != b[i] && shape.dims[i] != 1 { return false }
    return true
  }

  /// The strides of a dense tensor of `shape` whose axes lie in the order of this tensor's.
  package func denseLayout(like shape: Shape) -> Dims {
    let order = strideOrder
    var result = Dims(repeating: 1, rank: rank)
    var step = 1
    for k in Swift.stride(from: rank - 1, through: 0, by: -1) {
      result[order[k]] = step
      step *= Swift.max(shape.dims[order[k]], 1)
    }
    return result
  }

  package func view(_ shape: Shape, _ layout: Dims, offset: Int? = nil) -> Tensor {
    Tensor(storage: storage, shape: shape, layout: layout, offset: offset ?? self.offset, dtype: dtype)
  }
}
