import Support
import Tensor

/// The different elements, or slices along an axis: in ascending order or that of their first appearance, with the
/// position of each one's first appearance, the place of every element among them, and how often each comes.
struct UniqueOperator: Operator {
  static let name = "Unique"

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), count = Dimension.symbol("\(node.name)_count")
    let axis = try node.int("axis")
    var shape: [Dimension]? = [count]
    if let axis {
      shape = x.shape
      if let rank = shape?.count { shape?[try normalized(axis, rank: rank, node)] = count }
    }
    var all = Dimension.symbol("\(node.name)_all")
    if let sizes = x.fixedShape { all = .fixed(try axis.map { sizes[try normalized($0, rank: sizes.count, node)] } ?? checkedProduct(sizes, node)) }
    return [ValueType(x.dtype, shape), ValueType(.i64, [count]), ValueType(.i64, [all]), ValueType(.i64, [count])]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let given = try inputs.required(0, node)
    var x = given.detached()
    let axis = try node.int("axis").map { try normalized($0, rank: x.rank, node) } ?? 0
    if try node.int("axis") == nil { x = try x.reshaped([x.count]) }
    let count = x.shape[axis]
    let rows = try x.permuted([axis] + (0..<x.rank).filter { $0 != axis }).reshaped([count, count == 0 ? 0 : x.count / count])
    let found = try x.dtype.isFloating ? Self.groups(rows.scalars(), count) : Self.groups(rows.values(as: Int64.self), count)
    let sorts = try node.flag("sorted", default: true)
    let groups = sorts ? found : found.sorted { $0[0] < $1[0] }
    var inverse = [Int64](repeating: 0, count: count)
    for (number, group) in groups.enumerated() { for place in group { inverse[place] = Int64(number) } }
    let first = try Tensor(groups.map { Int64($0[0]) }, shape: [groups.count])
    return [
      try x.gather(axis: axis, indices: first).refusing("Unique", given), first, try Tensor(inverse, shape: [count]),
      try Tensor(groups.map { Int64($0.count) }, shape: [groups.count]),
    ]
  }

  /// Equal rows, ascending by their elements; places within a group ascend.
  private static func groups<T: Comparable>(_ elements: [T], _ count: Int) -> [[Int]] {
    guard count > 0 else { return [] }
    let width = elements.count / count
    func row(_ place: Int) -> ArraySlice<T> { elements[(place * width)..<((place + 1) * width)] }
    func precedes(_ a: Int, _ b: Int) -> Bool {
      for (x, y) in zip(row(a), row(b)) where x != y { return x < y }
      return a < b
    }
    var result: [[Int]] = []
    for place in (0..<count).sorted(by: precedes) {
      if let last = result.last, row(last[0]) == row(place) { result[result.count - 1].append(place) } else { result.append([place]) }
    }
    return result
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(UniqueOperator.self) }
