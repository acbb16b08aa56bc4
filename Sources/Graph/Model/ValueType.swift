import Tensor

/// One size of a shape: known, or a name for what the caller decides (the batch).
public enum Dimension: Sendable, Hashable, ExpressibleByIntegerLiteral, CustomStringConvertible {
  case fixed(Int)
  case symbol(String)

  /// A size that is known.
  public init(integerLiteral value: Int) { self = .fixed(value) }

  /// The size, when it is known.
  public var value: Int? {
    if case .fixed(let value) = self { value } else { nil }
  }

  public var description: String {
    switch self {
    case .fixed(let value): "\(value)"
    case .symbol(let name): name
    }
  }

  /// A free size times a known number, as "4*N": what reshapes make of the two.
  static func times(_ count: Int, _ size: Dimension) -> Dimension {
    switch size {
    case .fixed(let value):
      let (product, overflow) = value.multipliedReportingOverflow(by: count)
      return overflow ? .symbol("\(count)*\(value)") : .fixed(product)
    case .symbol(let name):
      let (known, base) = size.factors
      let (product, overflow) = known.multipliedReportingOverflow(by: count)
      return product == 1 && !overflow ? .symbol(base ?? name) : .symbol("\(overflow ? count : product)*\(base ?? name)")
    }
  }

  /// The known number in a size, and the free size that it multiplies; 1 and the name where there is no number.
  var factors: (known: Int, free: String?) {
    switch self {
    case .fixed(let value): return (value, nil)
    case .symbol(let name):
      if let star = name.firstIndex(of: "*"), let count = Int(name[..<star]), count > 1 { return (count, String(name[name.index(after: star)...])) }
      return (1, name)
    }
  }

  /// How many positions of an axis can be told apart: all of a fixed one, those within the number of "4*N"; nil for a free one.
  var positions: Int? {
    if let value { return value }
    let known = factors.known
    return known > 1 ? known : nil
  }
}

/// What is known of a value before it is computed.
public struct ValueType: Sendable, Hashable {
  /// The type of the elements.
  public var dtype: DType
  /// Nil when not even the rank is known.
  public var shape: [Dimension]?
  /// The elements of a small integer tensor of rank 0 or 1 where they are known: shapes computed in the graph.
  public var contents: [Dimension]?
  /// The elements of a small constant float tensor of rank 0 or 1: scales, limits.
  public var numbers: [Double]?

  /// A type whose `numbers` are not known.
  public init(_ dtype: DType, _ shape: [Dimension]?, contents: [Dimension]? = nil) {
    self.dtype = dtype
    self.shape = shape
    self.contents = contents
  }

  /// The type of a tensor; a small integer tensor's elements count as known.
  public init(of tensor: Tensor) {
    self.init(tensor.dtype, tensor.shape.map { .fixed($0) })
    if [DType.i64, .i32, .bool].contains(tensor.dtype), tensor.rank <= 1, tensor.count <= Self.contentLimit {
      contents = try? tensor.values(as: Int64.self).map { .fixed(Int($0)) }
    }
    if tensor.dtype.isFloating, tensor.rank <= 1, tensor.count <= Self.contentLimit { numbers = try? tensor.scalars() }
  }

  /// Longer integer vectors are data, not shapes.
  static let contentLimit = 64

  /// The sizes, when all are known.
  public var fixedShape: [Int]? {
    guard let shape else { return nil }
    let sizes = shape.compactMap(\.value)
    return sizes.count == shape.count ? sizes : nil
  }
}

extension ValueType: CustomStringConvertible {
  public var description: String {
    guard let shape else { return "\(dtype.name)[?]" }
    return "\(dtype.name)[\(shape.map(\.description).joined(separator: ", "))]"
  }
}

/// An input or output of a model.
public struct Port: Sendable, Hashable {
  /// The name under which values are given or asked for.
  public var name: String
  /// Dtype and sizes; sizes that the caller decides are symbols.
  public var type: ValueType

  /// A port; whether nodes know its name is not checked.
  public init(_ name: String, _ type: ValueType) {
    self.name = name
    self.type = type
  }
}
