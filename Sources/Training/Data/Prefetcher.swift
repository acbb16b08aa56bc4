import Glibc
import Support
import Tensor

/// Makes things in their order on a thread of its own, a few ahead of whoever takes them.
///
/// The order and the things are those that making them one by one would give. The thread never enters the thread pool:
/// a second team of OpenMP's would fight with the first for the processors. It ends with this object.
final class Prefetcher<Element: Sendable> {
  private let queue: PrefetchQueue<Element>
  private var thread: pthread_t?

  /// - Parameters:
  ///   - count: how many things there are.
  ///   - depth: how many may be ready at a time.
  ///   - make: makes thing `i`, counted from 0; called in order. After an error nothing more is made.
  /// - Throws: `PareError.io` if the system gives no thread.
  init(count: Int, depth: Int = 2, make: @escaping @Sendable (Int) throws -> Element) throws {
    let queue = PrefetchQueue(count: count, depth: depth, make: make)
    self.queue = queue
    thread = try startThread { queue.produce() }
  }

  deinit { stop() }

  /// Ends the thread; it finishes the thing that it is making.
  func stop() {
    queue.stop()
    if let thread { pthread_join(thread, nil) }
    thread = nil
  }

  /// Returns the next thing, and waits for it if it is not ready.
  ///
  /// - Throws: what making it threw; `PareError.interrupted` after Ctrl-C.
  func next() throws -> Element { try queue.next() }
}

/// What the maker and the taker share. Sendable because every variable is touched under `mutex` only.
private final class PrefetchQueue<Element: Sendable>: @unchecked Sendable {
  private let make: @Sendable (Int) throws -> Element
  private let count: Int
  private let depth: Int
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  /// What is ready, next one first; an error is the last.
  private var ready: [Result<Element, any Error>] = []
  private var isStopped = false
  private var taken = 0

  init(count: Int, depth: Int, make: @escaping @Sendable (Int) throws -> Element) {
    self.count = count
    self.depth = max(1, depth)
    self.make = make
    ready.reserveCapacity(self.depth)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  func stop() {
    pthread_mutex_lock(mutex)
    isStopped = true
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(mutex)
  }

  func produce() {
    Compute.withThreads(1) {
      for index in 0..<count {
        pthread_mutex_lock(mutex)
        while ready.count >= depth, !isStopped { pthread_cond_wait(changed, mutex) }
        let isOver = isStopped
        pthread_mutex_unlock(mutex)
        if isOver { return }
        let result = Result { try make(index) }
        pthread_mutex_lock(mutex)
        ready.append(result)
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
        if case .failure = result { return }
      }
    }
  }

  func next() throws -> Element {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while ready.isEmpty {
      try Interrupt.check()
      guard !isStopped, taken < count else { throw PareError(.internal, "a prefetcher was asked for more than there is") }
      var until = timespec()
      clock_gettime(CLOCK_REALTIME, &until)
      until.tv_nsec += 50_000_000
      if until.tv_nsec >= 1_000_000_000 { (until.tv_sec, until.tv_nsec) = (until.tv_sec + 1, until.tv_nsec - 1_000_000_000) }
      pthread_cond_timedwait(changed, mutex, &until)
    }
    // An error stays, so that asking again gives it again.
    if case .failure(let error) = ready[0] { throw error }
    let first = ready.removeFirst()
    taken += 1
    pthread_cond_broadcast(changed)
    return try first.get()
  }
}

/// A function that another thread runs once.
private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Runs `body` on a new thread, which gets no signals: Ctrl-C is for the thread that trains.
private func startThread(_ body: @escaping @Sendable () -> Void) throws -> pthread_t {
  let context = Unmanaged.passRetained(ThreadBody(body))
  var all = sigset_t(), before = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_SETMASK, &all, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  var thread = pthread_t()
  let status = pthread_create(&thread, nil, { context in
    if let context { Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run() }
    return nil
  }, context.toOpaque())
  guard status == 0 else {
    context.release()
    throw PareError(.io, "cannot start a thread that prepares batches: \(String(cString: strerror(status)))")
  }
  return thread
}
