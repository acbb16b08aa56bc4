import Support

extension ChannelFlow {
  /// Ties the axes of a value with those that a reshape gives it.
  ///
  /// Axes are matched in runs of equal product. Within a run the outermost axes that are not 1 carry the channels: one
  /// position of the shorter one is a block of positions of the longer one. Inner axes are fixed.
  mutating func reshape(_ node: Node) {
    guard let before = dimensions(.input(0)), let after = dimensions(.output(0)) else {
      return blockAll("\(node.op) '\(node.name)' of unknown shape")
    }
    var i = 0, j = 0
    while i < before.count || j < after.count {
      // Free sizes match only themselves.
      if i < before.count, j < after.count, before[i] == after[j] {
        tie(.input(0), axis: i, .output(0), axis: j)
        i += 1
        j += 1
        continue
      }
      if i < before.count, before[i] == 1 {
        free(.input(0), axis: i)
        i += 1
        continue
      }
      if j < after.count, after[j] == 1 {
        free(.output(0), axis: j)
        j += 1
        continue
      }
      let (startI, startJ) = (i, j)
      guard var x = i < before.count ? before[i].value : nil, var y = j < after.count ? after[j].value : nil else {
        return
      }
      i += 1
      j += 1
      while x != y {
        if x < y {
          guard i < before.count, let size = before[i].value else { return }
          x *= size
          i += 1
        } else {
          guard j < after.count, let size = after[j].value else { return }
          y *= size
          j += 1
        }
      }
      let outer = before[startI].value ?? 1, other = after[startJ].value ?? 1
      if outer < other, other == x {
        // Axes are joined: one position becomes a block.
        let inner = x / outer, positions = Array(0..<x)
        tie(.input(0), axis: startI, at: positions.map { $0 / inner }, .output(0), axis: startJ, at: positions)
      } else if other < outer, outer == x {
        // An axis is divided: a block becomes one position.
        let inner = x / other, positions = Array(0..<x)
        tie(.input(0), axis: startI, at: positions, .output(0), axis: startJ, at: positions.map { $0 / inner })
      }
    }
  }
}
