/// A piece of the arena, alive from the step that first writes it to the step that last reads it.
package final class ArenaBuffer {
  package var bytes: Int
  package private(set) var first: Int
  package private(set) var last: Int
  /// From the arena's start; set by `MemoryPlan`.
  package fileprivate(set) var offset = 0

  package init(bytes: Int, at step: Int) {
    self.bytes = bytes
    first = step
    last = step
  }

  /// Says that `step` touches the buffer.
  package func touch(_ step: Int) {
    first = min(first, step)
    last = max(last, step)
  }

  package func overlaps(_ other: ArenaBuffer) -> Bool { first <= other.last && other.first <= last }
}

/// Places all buffers of a plan in one arena, so that those alive together never share a byte.
///
/// Greedy by size, best fit (Pisarchyk and Lee 2020, "Efficient Memory Management for Deep Neural Net Inference").
package enum MemoryPlan {
  package static let alignment = 64

  /// Sets every offset and returns the arena's size in bytes.
  package static func place(_ buffers: [ArenaBuffer]) -> Int {
    var placed: [ArenaBuffer] = []
    var size = 0
    let order = buffers.indices.sorted { a, b in
      buffers[a].bytes != buffers[b].bytes ? buffers[a].bytes > buffers[b].bytes : a < b
    }
    for index in order {
      let buffer = buffers[index]
      let bytes = aligned(buffer.bytes)
      let neighbours = placed.filter { $0.overlaps(buffer) }.sorted { $0.offset < $1.offset }
      // The smallest gap that is wide enough; else behind the last neighbour.
      var best: (offset: Int, gap: Int)?
      var end = 0
      for neighbour in neighbours {
        let gap = neighbour.offset - end
        if gap >= bytes, gap < best?.gap ?? .max { best = (end, gap) }
        end = max(end, neighbour.offset + aligned(neighbour.bytes))
      }
      buffer.offset = best?.offset ?? end
      size = max(size, buffer.offset + bytes)
      placed.append(buffer)
    }
    return size
  }

  private static func aligned(_ bytes: Int) -> Int { (max(bytes, 1) + alignment - 1) / alignment * alignment }
}
