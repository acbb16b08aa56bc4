import Glibc
import Support
import Synchronization
import Tensor
import TestSupport
import Testing

/// Long operations stop between stretches; counted in stretches, never in time.
@Suite(.serialized)
struct InterruptTests {
  private func code(_ body: () throws -> Void) -> PareError.Code? {
    do { try body() } catch { return (error as? PareError)?.code }
    return nil
  }

  /// Runs `body` while a stop is asked for.
  private func stopped(_ body: () throws -> Void) -> PareError.Code? {
    Interrupt.request()
    defer { Interrupt.clear() }
    return code(body)
  }

  /// A stop from another thread is seen by each thread after the stretch it is in.
  @Test(arguments: [1, 2, 3]) func aStopFromAnotherThreadEndsEachPartAfterItsStretch(threads: Int) throws {
    let stretches = Atomic<Int>(0), isAsked = Atomic<Bool>(false)
    let asker = Thread {
      while stretches.load(ordering: .sequentiallyConsistent) == 0 { sched_yield() }
      Interrupt.request()
      isAsked.store(true, ordering: .sequentiallyConsistent)
    }
    defer { Interrupt.clear() }
    let error = code {
      try Compute.withThreads(threads) {
        try Compute.parallel(1000, grain: 1) { _ in
          stretches.add(1, ordering: .sequentiallyConsistent)
          // No stretch ends before the stop was asked for.
          while !isAsked.load(ordering: .sequentiallyConsistent) { sched_yield() }
        }
      }
    }
    asker.join()
    #expect(error == .interrupted)
    #expect((1...threads).contains(stretches.load(ordering: .sequentiallyConsistent)))
  }

  @Test(arguments: [1, 2]) func partsCoverTheRangeOnce(threads: Int) throws {
    for (count, grain) in [(1, 1), (7, 1), (1000, 3), (48, 1), (49, 1), (5, 100), (1 << 12, 16)] {
      let seen = (0..<count).map { _ in Counter() }
      try Compute.withThreads(threads) {
        try Compute.parallel(count, grain: grain) { part in for i in part { seen[i].add() } }
      }
      #expect(seen.allSatisfy { $0.value == 1 })
    }
    try Compute.parallel(0, grain: 1) { _ in Issue.record("nothing to do") }
    try Compute.parallel(3, grain: .max) { #expect($0 == 0..<3) }
  }

  /// Whichever thread was first, the error is that of the first part.
  @Test func theFirstPartsErrorIsThrown() throws {
    for _ in 0..<20 {
      let error = #expect(throws: PareError.self) {
        try Compute.withThreads(2) {
          try Compute.parallel(2, grain: 1) { part in
            if part.lowerBound == 0 { sched_yield() }
            throw PareError(.argument, "part \(part.lowerBound)")
          }
        }
      }
      #expect(error?.message == "part 0")
    }
  }

  @Test func longOperationsStopAndShortOnesEnd() throws {
    let x = try Tensor.rand([1 << 21], seed: 1), wide = try Tensor.rand([1500, 1500], seed: 2, dtype: .f64)
    let doubles = try x.slice(axis: 0, to: 1 << 19).converted(to: .f64)
    let operations: [(String, () throws -> Void)] = [
      ("exp", { _ = try x.exp() }), ("add", { _ = try x + x }), ("sum", { _ = try x.sum() }),
      ("convert", { _ = try x.converted(to: .f16) }), ("random", { _ = try Tensor.randn([1 << 22], seed: 3) }),
      ("copy", { _ = try wide.transposed().contiguous() }), ("broadcast", { _ = try wide + wide.slice(axis: 0, to: 1) }),
      ("argsort", { _ = try doubles.argsort() }), ("svd", { _ = try wide.svd() }),
      ("softmax", { _ = try wide.softmax(axis: 1) }), ("gather", { _ = try x.gather(axis: 0, indices: Tensor.zeros([1 << 21], .i64)) }),
    ]
    for (name, operation) in operations { #expect(stopped(operation) == .interrupted, "\(name)") }
    let short = try Tensor([1, 2, 3] as [Float])
    #expect(stopped { _ = try short.exp() } == nil)
  }

  @Test func anInterruptedOperationLeavesNoTrace() throws {
    let x = try Tensor.randn([600, 500], seed: 4)
    let before = try x.svd()
    #expect(stopped { _ = try x.svd() } == .interrupted)
    let after = try x.svd()
    #expect(try before.s.isEqual(to: after.s) && before.u.isEqual(to: after.u))
  }

  /// What changes in place is not left between old and new.
  @Test func assignmentIsHeld() throws {
    var x = try Tensor.zeros([2, 1 << 21], .f32)
    let row = try Tensor.ones([1 << 21], .f32)
    #expect(stopped { try x.set(row, at: [1]) } == nil)
    #expect(try x.sum().item() == Double(1 << 21))
  }

  @Test func whatIsHeldIsObeyedAfterwards() throws {
    Interrupt.request()
    defer { Interrupt.clear() }
    Interrupt.held {
      #expect(!Interrupt.isRequested)
      Interrupt.held { #expect(!Interrupt.isRequested) }
      #expect(code { try Interrupt.check() } == nil)
    }
    #expect(Interrupt.isRequested)
    #expect(code { try Interrupt.held { throw PareError(.io, "x") } } == .io)
    #expect(code { try Interrupt.check() } == .interrupted)
  }
}

private final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  var value: Int { count.load(ordering: .relaxed) }
  func add() { count.add(1, ordering: .relaxed) }
}

/// A thread of its own.
private final class Thread {
  private var handle = pthread_t()

  init(_ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(Box(body))
    pthread_create(&handle, nil, { context in
      if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
      return nil
    }, box.toOpaque())
  }

  func join() { pthread_join(handle, nil) }

  private final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}
