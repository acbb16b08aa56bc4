import CKernels
import Glibc
import Support
import Synchronization

/// The caching allocator behind all tensors: what is freed is kept and handed out again, so that a training step in steady
/// state asks the system for nothing.
///
/// Small blocks are kept by size class. Large ones are cut from ranges of pages and go back to them, joined with their free
/// neighbours: layers of all sizes then share the same memory, where classes would keep some blocks of each size.
enum Allocator {
  private struct State {
    var small: [[UnsafeMutableRawPointer]] = Array(repeating: [], count: sizeClass(large - 1).index + 1)
    var ranges = FreeRanges()
    var current = 0
    var peak = 0
    var cached = 0
    var limit = Int.max
  }
  // The pointers in `small` and the ranges belong to nobody else; the mutex guards them.
  private struct Guarded: @unchecked Sendable { var state = State() }
  private static let guarded = Mutex(Guarded())

  static let alignment = 64
  /// From this size on blocks come from ranges.
  private static let large = 1 << 20
  /// The least that is asked of the system for large blocks.
  private static let growth = 8 << 20
  private static let page = sysconf(Int32(_SC_PAGESIZE))
  private static let physical = sysconf(Int32(_SC_PHYS_PAGES)) * page
  /// What is free beyond this goes back to the system.
  private static let cacheLimit = max(256 << 20, physical / 4)
  /// With PARE_POISON set, freed blocks are filled with 0xFF (a NaN in every float type), so that a stale read shows.
  private static let poisons = getenv("PARE_POISON") != nil

  /// Rounds up to a class: a power of two or one of the seven steps between two of them.
  private static func sizeClass(_ bytes: Int) -> (index: Int, bytes: Int) {
    if bytes <= 64 { return (0, 64) }
    let exponent = Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount
    let step = 1 << (exponent - 3)
    let eighth = ((bytes - 1) >> (exponent - 3)) & 7
    return (8 * exponent + eighth, (1 << exponent) + (eighth + 1) * step)
  }

  /// What a large block takes: an odd number of cache lines beyond the pages that most tensors fill, so that two tensors
  /// seldom begin at the same place of a page, which processors take for one address at first.
  private static func largeSize(_ bytes: Int) -> Int { (bytes + 63) & ~63 + 17 * 64 }

  /// Returns at least `bytes` bytes at a 64-byte boundary, not cleared, and how many they are.
  static func allocate(_ bytes: Int) throws -> (UnsafeMutableRawPointer, Int) {
    guard bytes >= 0, bytes <= physical else { throw refusal(bytes, "this machine has \(physical) bytes") }
    let isLarge = bytes >= large
    let (index, size) = isLarge ? (0, largeSize(bytes)) : sizeClass(bytes)
    let found: (block: UnsafeMutableRawPointer?, refused: Int?) = guarded.withLock {
      guard $0.state.current + size <= $0.state.limit else { return (nil, $0.state.limit) }
      let block = isLarge ? $0.state.ranges.take(size) : $0.state.small[index].popLast()
      $0.state.current += size
      $0.state.peak = max($0.state.peak, $0.state.current)
      if block != nil { $0.state.cached -= size }
      return (block, nil)
    }
    if let limit = found.refused {
      throw PareError(.limit, "tensors may take at most \(limit) bytes of memory; \(bytes) more were asked for")
    }
    if let block = found.block { return (block, size) }
    func system() -> UnsafeMutableRawPointer? { isLarge ? pages(for: size) : aligned(size) }
    if let block = system() { return (block, size) }
    trim()
    if let block = system() { return (block, size) }
    guarded.withLock { $0.state.current -= size }
    throw refusal(bytes, "the system has no more")
  }

  private static func refusal(_ bytes: Int, _ why: String) -> PareError {
    PareError(.memory, "a tensor of \(bytes) bytes cannot be allocated: \(why)")
  }

  private static func aligned(_ size: Int) -> UnsafeMutableRawPointer? {
    var block: UnsafeMutableRawPointer?
    return posix_memalign(&block, alignment, size) == 0 ? block : nil
  }

  /// A block from new pages, the rest of which are free ones.
  private static func pages(for size: Int) -> UnsafeMutableRawPointer? {
    _ = keepsHeap
    let count = max(growth, (size + page - 1) / page * page)
    guard let base = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), base != MAP_FAILED
    else { return nil }
    guarded.withLock {
      guard count > size else { return }
      $0.state.ranges.add(base + size, count - size)
      $0.state.cached += count - size
    }
    return base
  }

  /// The C library learns from the first large block that is freed not to give the end of its heap back at once. Our large
  /// blocks are none of its own: without this, arrays that come and go in each step would move the heap's end each time.
  private static let keepsHeap: Void = pare_set_heap(32 << 20, 64 << 20, 4 << 20)

  /// Takes back a block of `size` bytes, as `allocate` returned it.
  static func release(_ block: UnsafeMutableRawPointer, _ size: Int) {
    if poisons { memset(block, 0xFF, size) }
    let isLarge = size > large
    let isOver = guarded.withLock {
      $0.state.current -= size
      let isOver = $0.state.cached + size > cacheLimit
      if isLarge {
        $0.state.ranges.add(block, size)
      } else if !isOver {
        $0.state.small[sizeClass(size).index].append(block)
      } else {
        return true
      }
      $0.state.cached += size
      return isOver
    }
    guard isOver else { return }
    if isLarge { guarded.withLock { giveBack(&$0.state) } } else { free(block) }
  }

  /// Gives all cached blocks back to the system.
  static func trim() {
    guarded.withLock {
      for index in $0.state.small.indices {
        for block in $0.state.small[index] {
          free(block)
          $0.state.cached -= sizeClassBytes(index)
        }
        $0.state.small[index] = []
      }
      giveBack(&$0.state)
    }
  }

  private static func sizeClassBytes(_ index: Int) -> Int {
    index == 0 ? 64 : (1 << (index / 8)) + (index % 8 + 1) * (1 << (index / 8 - 3))
  }

  /// Gives all whole pages of the free ranges back to the system.
  private static func giveBack(_ state: inout State) {
    for (base, count) in state.ranges.takePages(of: page) where munmap(base, count) == 0 { state.cached -= count }
  }

  static func statistics() -> (current: Int, peak: Int, cached: Int) {
    guarded.withLock { ($0.state.current, $0.state.peak, $0.state.cached) }
  }

  static func resetPeak() { guarded.withLock { $0.state.peak = $0.state.current } }

  static var limit: Int {
    get { guarded.withLock { $0.state.limit } }
    set { guarded.withLock { $0.state.limit = newValue } }
  }
}
