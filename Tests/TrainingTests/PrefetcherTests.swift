import Foundation
import Support
import Synchronization
import Tensor
import Testing
import Training

@Suite struct PrefetcherTests {
  /// How many things were made so far, and by which threads.
  private final class Made: Sendable {
    let count = Atomic<Int>(0)
    let onOwnThread = Atomic<Int>(0)
  }

  @Test(arguments: [1, 2, 5]) func inOrderAndBounded(depth: Int) throws {
    let made = Made()
    let prefetcher = try Prefetcher(count: 40, depth: depth) { index in
      made.count.add(1, ordering: .sequentiallyConsistent)
      if Compute.threads == 1 { made.onOwnThread.add(1, ordering: .sequentiallyConsistent) }
      return index * index
    }
    for index in 0..<40 {
      #expect(try prefetcher.next() == index * index)
      // Those taken, those that may be ready, and the one being made.
      #expect(made.count.load(ordering: .sequentiallyConsistent) <= index + 1 + depth + 1)
    }
    #expect(made.count.load(ordering: .sequentiallyConsistent) == 40)
    // Parallel regions would run on the maker's thread alone.
    #expect(made.onOwnThread.load(ordering: .sequentiallyConsistent) == 40)
    #expect(pareError { _ = try prefetcher.next() }?.code == .internal)
  }

  @Test func errorsComeInTheirPlaceAndStay() throws {
    let made = Made()
    let prefetcher = try Prefetcher(count: 10) { index in
      made.count.add(1, ordering: .sequentiallyConsistent)
      if index == 3 { throw PareError(.format, "thing 3") }
      return index
    }
    for index in 0..<3 { #expect(try prefetcher.next() == index) }
    for _ in 0..<2 { #expect(pareError { _ = try prefetcher.next() }?.message == "thing 3") }
    #expect(made.count.load(ordering: .sequentiallyConsistent) == 4)
  }

  @Test func endsWithItsOwner() throws {
    let made = Made()
    do {
      let prefetcher = try Prefetcher(count: 1 << 30) { index in
        made.count.add(1, ordering: .sequentiallyConsistent)
        return index
      }
      #expect(try prefetcher.next() == 0)
    }
    // Gone with the object, though it had hardly begun.
    let count = made.count.load(ordering: .sequentiallyConsistent)
    usleep(20_000)
    #expect(count <= 4 && made.count.load(ordering: .sequentiallyConsistent) == count)
    try Prefetcher(count: 0) { $0 }.stop()
  }
}
