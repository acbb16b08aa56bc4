import Runtime
import Support
import Testing

@Suite struct MemoryPlanTests {
  @Test(arguments: 0..<20)
  func liveBuffersNeverOverlap(_ seed: Int) {
    var random = RandomSource(seed: UInt64(seed))
    let steps = 1 + random.integer(below: 60)
    let buffers = (0..<(1 + random.integer(below: 80))).map { _ in
      let buffer = ArenaBuffer(bytes: random.integer(below: 5000), at: random.integer(below: steps))
      buffer.touch(random.integer(below: steps))
      return buffer
    }
    let size = MemoryPlan.place(buffers)
    for (index, a) in buffers.enumerated() {
      #expect(a.offset % MemoryPlan.alignment == 0)
      #expect(a.offset >= 0 && a.offset + a.bytes <= size)
      for b in buffers[(index + 1)...] where a.first <= b.last && b.first <= a.last {
        #expect(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset)
      }
    }
    // Never less than what is alive at the fullest step, never more than everything side by side.
    let needed = (0..<steps).map { step in
      buffers.filter { $0.first <= step && step <= $0.last }.reduce(0) { $0 + $1.bytes }
    }.max() ?? 0
    #expect(size >= needed)
    #expect(size <= buffers.reduce(0) { $0 + max(64, ($1.bytes + 63) / 64 * 64) })
  }

  @Test func aChainNeedsTwoBuffers() {
    let buffers = (0..<10).map { step in
      let buffer = ArenaBuffer(bytes: 1024, at: step)
      buffer.touch(step + 1)
      return buffer
    }
    #expect(MemoryPlan.place(buffers) == 2048)
  }

  @Test func latencySummarizesTimes() {
    let latency = Latency(times: [5, 1, 4, 2, 3])
    #expect(latency == Latency(medianMs: 3, minMs: 1, p95Ms: 5, runs: 5))
    let hundred = Latency(times: (1...100).map(Double.init))
    #expect(hundred == Latency(medianMs: 50.5, minMs: 1, p95Ms: 95, runs: 100))
  }
}
