import Glibc
import Support
import Synchronization

/// The caching allocator behind all tensors: freed blocks are kept by size class and handed out again, so that a training
/// step in steady state asks the system for nothing.
enum Allocator {
  private struct State {
    var free: [[UnsafeMutableRawPointer]] = Array(repeating: [], count: 8 * 64)
    var current = 0
    var peak = 0
    var cached = 0
    var limit = Int.max
  }
  // The pointers in `free` belong to nobody else; the mutex guards the lists.
  private struct Guarded: @unchecked Sendable { var state = State() }
  private static let guarded = Mutex(Guarded())

  static let alignment = 64
  private static let physical = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
  /// Blocks beyond this go back to the system when freed.
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

  private static func classBytes(_ index: Int) -> Int { (1 << (index / 8)) + (index % 8 + 1) * (1 << (index / 8 - 3)) }

  /// From this size on, a free block may serve a request of half its size.
  private static let shared = 1 << 20

  /// Returns at least `bytes` bytes at a 64-byte boundary, not cleared, and how many they are.
  static func allocate(_ bytes: Int) throws -> (UnsafeMutableRawPointer, Int) {
    guard bytes >= 0, bytes <= physical else { throw refusal(bytes, "this machine has \(physical) bytes") }
    let (index, size) = sizeClass(bytes)
    let found: (block: UnsafeMutableRawPointer?, size: Int, refused: Int?) = guarded.withLock {
      guard $0.state.current + size <= $0.state.limit else { return (nil, 0, $0.state.limit) }
      var (block, taken) = ($0.state.free[index].popLast(), size)
      if block == nil, size >= shared {
        // Layers of similar size share: up to twice what was asked for is better than one more block.
        for larger in (index + 1)...(index + 8) {
          block = $0.state.free[larger].popLast()
          if block != nil {
            taken = classBytes(larger)
            break
          }
        }
      }
      $0.state.current += taken
      $0.state.peak = max($0.state.peak, $0.state.current)
      if block != nil { $0.state.cached -= taken }
      return (block, taken, nil)
    }
    if let limit = found.refused {
      throw PareError(.limit, "tensors may take at most \(limit) bytes; \(bytes) more were asked for")
    }
    if let block = found.block { return (block, found.size) }
    if let block = system(size) { return (block, size) }
    trim()
    if let block = system(size) { return (block, size) }
    guarded.withLock { $0.state.current -= size }
    throw refusal(bytes, "the system has no more")
  }

  private static func refusal(_ bytes: Int, _ why: String) -> PareError {
    PareError(.memory, "a tensor of \(bytes) bytes cannot be allocated: \(why)")
  }

  private static func system(_ size: Int) -> UnsafeMutableRawPointer? {
    var block: UnsafeMutableRawPointer?
    return posix_memalign(&block, alignment, size) == 0 ? block : nil
  }

  /// Takes back a block of `size` bytes, as `allocate` returned it.
  static func release(_ block: UnsafeMutableRawPointer, _ size: Int) {
    if poisons { memset(block, 0xFF, size) }
    let kept = guarded.withLock {
      $0.state.current -= size
      guard $0.state.cached + size <= cacheLimit else { return false }
      $0.state.free[sizeClass(size).index].append(block)
      $0.state.cached += size
      return true
    }
    if !kept { free(block) }
  }

  /// Gives all cached blocks back to the system.
  static func trim() {
    guarded.withLock {
      for index in $0.state.free.indices {
        for block in $0.state.free[index] { free(block) }
        $0.state.free[index] = []
      }
      $0.state.cached = 0
    }
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
