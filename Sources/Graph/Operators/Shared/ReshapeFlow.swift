import Support

extension ChannelFlow {
  /// Ties the axes of a value with those that a reshape gives it.
  ///
  /// Both shapes are read as one row of factors: an axis of one is several axes of the other, or each is a part of both, as
  /// where rows of anchors are made of `[N, H, W, anchors * values]`. A factor that an input's axis shares with an output's
  /// carries the channels: a position of it is a set of positions of both. Of the factors of one axis only one can, the
  /// outermost, as in the heads of attention, unless the solver finds that another leaves more to remove, as in a channel
  /// shuffle. The others are fixed.
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
    if !left.isEmpty, !right.isEmpty { divide(left, right, number) }
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
    } else {
      divide(left, right, number)
    }
  }

  /// A factor that an axis of the input shares with one of the output.
  private struct Factor {
    let size: Int
    /// Axes of the input and of the output.
    let from: Int, to: Int
    /// How many positions of each axis lie inside one of the factor.
    let inFrom: Int, inTo: Int
  }

  /// The common factors of two lists of axes, from the outside and from the inside as far as sizes are known.
  private static func factors(_ left: [Piece], _ right: [Piece]) -> [Factor] {
    // What remains of each piece, and how much of it lies inside of what remains.
    var x = left.map { (size: $0.size.value, inside: 1) }, y = right.map { (size: $0.size.value, inside: 1) }
    var outer: [Factor] = [], inner: [Factor] = []
    var i = 0, j = 0, m = x.count - 1, n = y.count - 1
    while i < x.count, j < y.count, let a = x[i].size, let b = y[j].size, a > 0, b > 0, case let common = gcd(a, b), common > 1 {
      (x[i].size, y[j].size) = (a / common, b / common)
      outer.append(Factor(size: common, from: left[i].axis, to: right[j].axis, inFrom: a / common, inTo: b / common))
      if a == common { i += 1 }
      if b == common { j += 1 }
    }
    while m >= i, n >= j, let a = x[m].size, let b = y[n].size, a > 0, b > 0, case let common = gcd(a, b), common > 1 {
      inner.append(Factor(size: common, from: left[m].axis, to: right[n].axis, inFrom: x[m].inside, inTo: y[n].inside))
      x[m] = (a / common, x[m].inside * common)
      y[n] = (b / common, y[n].inside * common)
      if a == common { m -= 1 }
      if b == common { n -= 1 }
    }
    return outer + inner.reversed()
  }

  private static func gcd(_ a: Int, _ b: Int) -> Int {
    var (a, b) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    return a
  }

  /// Ties axes by one of their common factors, and by all others that share no axis with it.
  private mutating func divide(_ left: [Piece], _ right: [Piece], _ number: Int) {
    let factors = Self.factors(left, right).filter { factor in
      [size(.input(0), axis: factor.from), size(.output(0), axis: factor.to)].allSatisfy { $0 != nil }
    }
    guard !factors.isEmpty else { return }
    let places = factors.flatMap { [(Place.input(0), $0.from), (.output(0), $0.to)] }
    for chosen in choice(number, among: factors.count, at: places) {
      var tied: [Factor] = []
      for factor in [factors[chosen]] + factors where !tied.contains(where: { $0.from == factor.from || $0.to == factor.to }) {
        tied.append(factor)
        tie(factor)
      }
    }
  }

  /// Ties all positions of both axes that are in one part of the factor.
  private mutating func tie(_ factor: Factor) {
    guard let x = size(.input(0), axis: factor.from), let y = size(.output(0), axis: factor.to) else { return }
    // Each with the first of the other axis that is in the same part.
    let first = Array(0..<x) + (0..<y).map { $0 / factor.inTo % factor.size * factor.inFrom }
    let second = (0..<x).map { $0 / factor.inFrom % factor.size * factor.inTo } + Array(0..<y)
    tie(.input(0), axis: factor.from, at: first, .output(0), axis: factor.to, at: second)
  }
}
