import CKernels
import CLAPACK
import Glibc
import Support
import Synchronization

/// How tensors are computed: threads, memory, backend.
public enum Compute {
  private static let chosen = Atomic<Int>(0)

  private static let allowed = max(1, min(8, Int(pare_allowed_processors())))

  /// The number of threads for one operation, from 1; the default is the number of CPUs that the process may use, at
  /// most 8. Results are the same for the same number.
  public static var threads: Int {
    get {
      if let scoped = pare_thread()?.pointee.scoped_threads, scoped > 0 { return Int(scoped) }
      let count = chosen.load(ordering: .relaxed)
      return count > 0 ? count : allowed
    }
    set { chosen.store(max(1, min(newValue, 256)), ordering: .relaxed) }
  }

  /// Runs `body` with this number of threads for operations of the calling thread.
  @inline(__always)
  package static func withThreads<R, E: Error>(_ count: Int, _ body: () throws(E) -> R) throws(E) -> R {
    let state = pare_thread()
    let before = state?.pointee.scoped_threads ?? 0
    state?.pointee.scoped_threads = Int32(clamping: count)
    defer { state?.pointee.scoped_threads = before }
    return try body()
  }

  /// Tells libgomp, and through it OpenBLAS and oneDNN, how many threads to take for regions started from this thread.
  /// Called before every call into those libraries; a comparison when nothing changed.
  package static func prepareLibraries() {
    let threads = Int32(truncatingIfNeeded: threads)
    let state = pare_thread()
    if state?.pointee.threads != threads {
      pare_set_threads(threads)
      openblas_set_num_threads(threads)
      state?.pointee.threads = threads
    }
    pare_settle()
  }

  /// Bytes that live tensors take now, took at most, and that are kept for reuse.
  public static func memory() -> (current: Int, peak: Int, cached: Int) { Allocator.statistics() }

  /// Lets the peak of `memory()` start again from what is in use now.
  public static func resetPeakMemory() { Allocator.resetPeak() }

  /// Gives memory that is kept for reuse back to the system.
  public static func releaseCachedMemory() { Allocator.trim() }

  /// The most bytes that tensors may take together; beyond it operations throw `limit`. Unlimited at first.
  public static var memoryLimit: Int {
    get { Allocator.limit }
    set { Allocator.limit = max(0, newValue) }
  }

  /// Runs `body` over parts of 0..<count, on as many threads as there are parts of at least `grain` units.
  ///
  /// Parts are disjoint and cover the range. Inside another parallel region it runs on the calling thread. Between
  /// stretches of its part each thread looks whether to stop, so that a long operation ends early; what it was to fill is
  /// then unfinished, which is why this throws.
  ///
  /// - Throws: `interrupted`, or what `body` threw, of the first part where it did.
  public static func parallel(_ count: Int, grain: Int, _ body: (Range<Int>) throws -> Void) throws {
    guard count > 0 else { return }
    let grain = max(grain, 1), threads = min(Self.threads, count / grain)
    // Units that are a grain each may be long.
    let stretch = grain == 1 ? 1 : grain > Int.max / 16 ? Int.max : grain * 16
    guard threads > 1 else {
      return try Region.run(0..<count, stretch, body) { false }
    }
    try withoutActuallyEscaping(body) { body in
      var region = Region(body: body, stretch: stretch)
      withUnsafeMutablePointer(to: &region) { context in
        pare_parallel(
          { context, begin, end in
            guard let region = context?.assumingMemoryBound(to: Region.self) else { return }
            region.pointee.run(begin..<end)
          }, context, count, Int32(threads))
      }
      try region.rethrow()
    }
  }

  /// What the threads of one parallel operation share.
  private struct Region: ~Copyable {
    let body: (Range<Int>) throws -> Void
    let stretch: Int
    private let failure = Mutex<(begin: Int, error: any Error)?>(nil)

    init(body: @escaping (Range<Int>) throws -> Void, stretch: Int) {
      (self.body, self.stretch) = (body, stretch)
    }

    borrowing func run(_ part: Range<Int>) {
      do {
        try Self.run(part, stretch, body) { failure.withLock { $0.map { $0.begin < part.lowerBound } ?? false } }
      } catch {
        failure.withLock { if part.lowerBound < $0?.begin ?? Int.max { $0 = (part.lowerBound, error) } }
      }
    }

    /// - Parameter isOver: whether an earlier part failed, so that this one is not needed; asked between stretches.
    @inline(__always)
    static func run(_ part: Range<Int>, _ stretch: Int, _ body: (Range<Int>) throws -> Void, isOver: () -> Bool) throws {
      var begin = part.lowerBound
      while part.upperBound - begin > stretch {
        try body(begin..<begin + stretch)
        try Interrupt.check()
        if isOver() { return }
        begin += stretch
      }
      try body(begin..<part.upperBound)
    }

    borrowing func rethrow() throws {
      if let error = failure.withLock({ $0?.error }) { throw error }
    }
  }

  /// Which backend computes.
  public enum BackendChoice: Sendable {
    /// The fastest one that supports operation and dtype.
    case automatic
    /// Plain Swift, every dtype: what the fast kernels are checked against.
    case reference
  }

  /// Runs `body` with all operations of the calling thread on the given backend.
  public static func withBackend<R, E: Error>(_ choice: BackendChoice, _ body: () throws(E) -> R) throws(E) -> R {
    let state = pare_thread()
    let before = state?.pointee.reference_backend ?? 0
    state?.pointee.reference_backend = choice == .reference ? 1 : 0
    defer { state?.pointee.reference_backend = before }
    return try body()
  }

  private static let reference = ReferenceBackend()
  private static let cpu = CPUBackend()

  /// The backend of the calling thread.
  package static var backend: any Backend {
    pare_thread()?.pointee.reference_backend == 1 ? reference : cpu
  }
}
