import Support
import Tensor
import Testing

@Suite(.serialized) struct MemoryTests {
  @Test func aSteadyLoopAllocatesNothingNew() throws {
    func step() throws {
      let w = try Tensor.randn([64, 64], seed: 1).tracked()
      let x = try Tensor.randn([32, 64], seed: 2)
      let gradients = try x.linear(weight: w).relu().square().mean().backward()
      _ = try #require(gradients[w]).sum().item()
    }
    for _ in 0..<5 { try step() }
    let before = Compute.memory()
    for _ in 0..<2000 { try step() }
    let after = Compute.memory()
    // Other tests run beside this one: room for theirs, not for 2000 steps of 100 kB.
    #expect(after.current + after.cached - before.current - before.cached < 64 << 20)
  }

  @Test func longChainsAreFreedWithoutDeepRecursion() throws {
    let x = try Tensor.zeros([1]).tracked()
    var y = x
    for _ in 0..<200_000 { y = try y + 1 }
    #expect(try y.item() == 200_000)
    #expect(try y.backward()[x]?.item() == 1)
  }

  @Test func largeTensorsOfOtherSizesTakeTheMemoryOfFreedOnes() throws {
    Compute.releaseCachedMemory()
    let sizes = [5, 12, 3, 9, 7, 20, 2, 6].map { $0 << 18 }
    for _ in 0..<2 { _ = try sizes.map { try Tensor.zeros([$0]) } }
    let before = Compute.memory()
    for step in 1..<50 {
      // As many bytes as before, otherwise cut.
      _ = try sizes.indices.map { try Tensor.zeros([sizes[($0 * 3 + step) % sizes.count]]) }
    }
    let after = Compute.memory()
    #expect(after.current + after.cached - before.current - before.cached < 16 << 20)
  }

  @Test func whatIsTakenIsNobodyElses() throws {
    // Addresses are only counted with, never touched.
    let base = try #require(UnsafeMutableRawPointer(bitPattern: 1 << 40))
    let whole = 1 << 20
    var random = RandomSource(seed: 1, name: "ranges"), free = FreeRanges(), held: [Range<Int>] = []
    free.add(base, whole)
    for _ in 0..<20_000 {
      if held.isEmpty || random.next() % 2 == 0 {
        let bytes = 64 * (1 + Int(random.next() % 400))
        guard let block = free.take(bytes) else { continue }
        let begin = block - base, taken = begin..<begin + bytes
        #expect(begin >= 0 && taken.upperBound <= whole)
        #expect(!held.contains { $0.overlaps(taken) })
        held.append(taken)
      } else {
        let range = held.remove(at: Int(random.next() % UInt64(held.count)))
        free.add(base + range.lowerBound, range.count)
      }
      // Neighbours are one range.
      #expect(free.count <= held.count + 1)
    }
    for range in held { free.add(base + range.lowerBound, range.count) }
    #expect(free.count == 1)
    #expect(free.take(whole) == base)
    #expect(free.take(64) == nil)
  }

  @Test func theSmallestRangeThatHoldsItIsCut() throws {
    let base = try #require(UnsafeMutableRawPointer(bitPattern: 1 << 40))
    var free = FreeRanges()
    free.add(base, 1000)
    free.add(base + 2000, 300)
    free.add(base + 4000, 300)
    #expect(free.take(200) == base + 2000)
    #expect(free.take(300) == base + 4000)
    #expect(free.take(100) == base + 2200)
    #expect(free.take(1001) == nil)
    #expect(free.take(400) == base)
  }

  @Test func onlyWholePagesAreGivenBack() throws {
    let base = try #require(UnsafeMutableRawPointer(bitPattern: 1 << 40))
    var free = FreeRanges()
    free.add(base + 100, 3 * 4096)
    free.add(base + 100 * 4096 + 64, 128)
    let given = free.takePages(of: 4096)
    #expect(given.map(\.base) == [base + 4096] && given.map(\.bytes) == [2 * 4096])
    // The ends are joined with what becomes free beside them.
    #expect(free.take(4096 - 100) == base + 100)
    free.add(base, 100)
    free.add(base + 100, 4096 - 100)
    #expect(free.take(4096) == base)
  }
}
