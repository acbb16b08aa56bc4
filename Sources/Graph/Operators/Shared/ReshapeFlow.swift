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
    // Runs are matched from the front, and from the back where a free size is in the way.
    var left = Self.pieces(before), right = Self.pieces(after), number = 0
    while let (x, y) = Self.run(left.map(\.size), right.map(\.size)) {
      join(Array(left.prefix(x)), Array(right.prefix(y)), number)
      left.removeFirst(x)
      right.removeFirst(y)
      number += 1
    }
    while let (x, y) = Self.run(left.reversed().map(\.size), right.reversed().map(\.size)) {
      join(Array(left.suffix(x)), Array(right.suffix(y)), number)
      left.removeLast(x)
      right.removeLast(y)
      number += 1
    }
    if !left.isEmpty, !right.isEmpty { joinEnds(left, right, number) }
  }

  /// An axis, or a factor of one: a size such as "4*N" is N times 4.
  private struct Piece {
    let axis: Int
    let size: Dimension
  }

  /// The axes that are not 1, in order.
  private static func pieces(_ shape: [Dimension]) -> [Piece] {
    shape.enumerated().flatMap { axis, size -> [Piece] in
      if size == 1 { return [] }
      let (known, free) = size.factors
      guard let free, known > 1 else { return [Piece(axis: axis, size: size)] }
      return [Piece(axis: axis, size: .symbol(free)), Piece(axis: axis, size: .fixed(known))]
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
  private mutating func join(_ left: [Piece], _ right: [Piece], _ number: Int) {
    if left.count == 1, right.count == 1 {
      guard let size = left[0].size.value, size <= ChannelSolver.greatestAxis else {
        free(.input(0), axis: left[0].axis)
        return free(.output(0), axis: right[0].axis)
      }
      tie(.input(0), axis: left[0].axis, at: Array(0..<size), .output(0), axis: right[0].axis, at: Array(0..<size))
    } else if left.count == 1 {
      divide(.input(0), left[0], into: .output(0), right, number)
    } else if right.count == 1 {
      divide(.output(0), right[0], into: .input(0), left, number)
    } else {
      joinEnds(left, right, number)
    }
  }

  /// Ties the first axes, or the last, of two lists of axes that have nothing else in common: where one size divides the
  /// other, a position of the shorter axis is a run of positions of the longer one (of the last axes: each so many).
  private mutating func joinEnds(_ left: [Piece], _ right: [Piece], _ number: Int) {
    var ends: [(a: Piece, b: Piece, isFirst: Bool)] = []
    for (a, b, isFirst) in [(left[0], right[0], true), (left[left.count - 1], right[right.count - 1], false)] {
      guard let x = a.size.value, let y = b.size.value, x > 0, y > 0, x % y == 0 || y % x == 0, max(x, y) <= ChannelSolver.greatestAxis else { continue }
      ends.append((a, b, isFirst))
    }
    guard !ends.isEmpty else { return }
    for chosen in choice(number, among: ends.count, at: .input(0), axis: ends[0].a.axis) {
      let (a, b, isFirst) = ends[chosen]
      guard let x = a.size.value, let y = b.size.value else { continue }
      let all = Array(0..<max(x, y))
      func positions(_ size: Int) -> [Int] { all.map { isFirst ? $0 / (all.count / size) : $0 % size } }
      tie(.input(0), axis: a.axis, at: positions(x), .output(0), axis: b.axis, at: positions(y))
    }
  }

  /// Ties an axis with one of the axes that it is divided into.
  private mutating func divide(_ whole: Place, _ piece: Piece, into place: Place, _ pieces: [Piece], _ number: Int) {
    guard let size = piece.size.value, size <= ChannelSolver.greatestAxis else { return }
    let positions = Array(0..<size)
    for chosen in choice(number, among: pieces.count, at: whole, axis: piece.axis) {
      let carrier = pieces[chosen], count = carrier.size.value ?? 1
      let inner = pieces[(chosen + 1)...].reduce(1) { $0 * ($1.size.value ?? 1) }
      tie(whole, axis: piece.axis, at: positions, place, axis: carrier.axis, at: positions.map { $0 / inner % count })
    }
  }
}
