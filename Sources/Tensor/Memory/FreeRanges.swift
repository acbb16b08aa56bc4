/// Free memory as ranges in order of address; what touches is one range.
///
/// Sizes are a caller's matter: what is taken is as long as was asked for, and begins where a range begins.
package struct FreeRanges {
  private var ranges: [Range<UInt>] = []

  package init() {}

  /// How many there are.
  package var count: Int { ranges.count }

  /// Takes `bytes` from the smallest range that holds them, of equals the lowest.
  package mutating func take(_ bytes: Int) -> UnsafeMutableRawPointer? {
    var best: Int?
    for (index, range) in ranges.enumerated() where range.count >= bytes {
      if let best, ranges[best].count <= range.count { continue }
      best = index
    }
    guard let best else { return nil }
    let range = ranges[best]
    if range.count == bytes {
      ranges.remove(at: best)
    } else {
      ranges[best] = range.lowerBound + UInt(bytes)..<range.upperBound
    }
    return UnsafeMutableRawPointer(bitPattern: range.lowerBound)
  }

  /// Adds `bytes` from `base` on, none of which is free yet.
  package mutating func add(_ base: UnsafeMutableRawPointer, _ bytes: Int) {
    let added = UInt(bitPattern: base)..<UInt(bitPattern: base + bytes)
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].lowerBound < added.lowerBound { low = middle + 1 } else { high = middle }
    }
    let joinsBefore = low > 0 && ranges[low - 1].upperBound == added.lowerBound
    let joinsAfter = low < ranges.count && ranges[low].lowerBound == added.upperBound
    switch (joinsBefore, joinsAfter) {
    case (true, true):
      ranges[low - 1] = ranges[low - 1].lowerBound..<ranges[low].upperBound
      ranges.remove(at: low)
    case (true, false): ranges[low - 1] = ranges[low - 1].lowerBound..<added.upperBound
    case (false, true): ranges[low] = added.lowerBound..<ranges[low].upperBound
    case (false, false): ranges.insert(added, at: low)
    }
  }

  /// Takes all that are whole pages of `page` bytes; the ends beside them stay.
  package mutating func takePages(of page: Int) -> [(base: UnsafeMutableRawPointer, bytes: Int)] {
    let page = UInt(page)
    var taken: [(base: UnsafeMutableRawPointer, bytes: Int)] = []
    var left: [Range<UInt>] = []
    for range in ranges {
      let begin = (range.lowerBound + page - 1) / page * page, end = range.upperBound / page * page
      guard begin < end, let base = UnsafeMutableRawPointer(bitPattern: begin) else {
        left.append(range)
        continue
      }
      taken.append((base, Int(end - begin)))
      if range.lowerBound < begin { left.append(range.lowerBound..<begin) }
      if end < range.upperBound { left.append(end..<range.upperBound) }
    }
    ranges = left
    return taken
  }
}
