import Support

extension ChannelFlow {
  /// Ties the axes of a value with those that a reshape gives it.
  ///
  /// Axes are matched in runs of equal product. Where one axis becomes several (or several one), one of those carries the
  /// channels: a position of it is a set of positions of the one axis. The outermost does, as in the heads of attention,
  /// unless the solver finds that another leaves more to remove, as in a channel shuffle. The others are fixed.
  mutating func reshape(_ node: Node) {
    guard let before = dimensions(.input(0)), let after = dimensions(.output(0)) else {
      return blockAll("\(node.op) '\(node.name)' of unknown shape")
    }
    for axis in before.indices where before[axis] == 1 { free(.input(0), axis: axis) }
    for axis in after.indices where after[axis] == 1 { free(.output(0), axis: axis) }
    // Axes of size 1 say nothing. Runs are matched from the front, and from the back where a free size is in the way.
    var left = before.indices.filter { before[$0] != 1 }, right = after.indices.filter { after[$0] != 1 }
    var number = 0
    while let (x, y) = Self.run(left.map { before[$0] }, right.map { after[$0] }) {
      join(Array(left.prefix(x)), Array(right.prefix(y)), number)
      left.removeFirst(x)
      right.removeFirst(y)
      number += 1
    }
    while let (x, y) = Self.run(left.reversed().map { before[$0] }, right.reversed().map { after[$0] }) {
      join(Array(left.suffix(x)), Array(right.suffix(y)), number)
      left.removeLast(x)
      right.removeLast(y)
      number += 1
    }
  }

  /// How many sizes of each list, from the first on, have one product; nil at a free size, which matches only itself.
  private static func run(_ a: [Dimension], _ b: [Dimension]) -> (Int, Int)? {
    guard let first = a.first, let other = b.first else { return nil }
    if first == other { return (1, 1) }
    guard var x = first.value, var y = other.value else { return nil }
    var i = 1, j = 1
    while x != y {
      if x < y {
        guard i < a.count, let size = a[i].value else { return nil }
        let (product, overflow) = x.multipliedReportingOverflow(by: size)
        guard !overflow else { return nil }
        x = product
        i += 1
      } else {
        guard j < b.count, let size = b[j].value else { return nil }
        let (product, overflow) = y.multipliedReportingOverflow(by: size)
        guard !overflow else { return nil }
        y = product
        j += 1
      }
    }
    return (i, j)
  }

  /// Ties a run of axes of the input with one of the output.
  private mutating func join(_ left: [Int], _ right: [Int], _ number: Int) {
    if left.count == 1, right.count == 1 {
      tie(.input(0), axis: left[0], .output(0), axis: right[0])
    } else if left.count == 1 {
      divide(.input(0), axis: left[0], into: .output(0), right, number)
    } else if right.count == 1 {
      divide(.output(0), axis: right[0], into: .input(0), left, number)
    }
  }

  /// Ties an axis with one of the axes that it is divided into.
  private mutating func divide(_ whole: Place, axis: Int, into place: Place, _ axes: [Int], _ number: Int) {
    guard let size = size(whole, axis: axis) else { return }
    let chosen = choice(number, among: axes.count, at: whole, axis: axis)
    let carrier = axes[chosen], count = self.size(place, axis: carrier) ?? 1
    let inner = axes[(chosen + 1)...].reduce(1) { $0 * (self.size(place, axis: $1) ?? 1) }
    let positions = Array(0..<size)
    tie(whole, axis: axis, at: positions, place, axis: carrier, at: positions.map { $0 / inner % count })
  }
}
