import CKernels
import Glibc
import Support
import Synchronization
import Tensor

/// How long one run takes, over several runs.
public struct Latency: Sendable, Hashable, Codable {
  /// Milliseconds; half of the runs are faster.
  public var medianMs: Double
  /// Milliseconds of the fastest run.
  public var minMs: Double
  /// Milliseconds; 95 of 100 runs are faster.
  public var p95Ms: Double
  /// The number of runs that were timed.
  public var runs: Int

  /// A latency of these numbers, milliseconds and a count.
  public init(medianMs: Double, minMs: Double, p95Ms: Double, runs: Int) {
    self.medianMs = medianMs
    self.minMs = minMs
    self.p95Ms = p95Ms
    self.runs = runs
  }

  /// Summarizes single times in milliseconds; at least one.
  package init(times: [Double]) {
    let sorted = times.sorted()
    let middle = sorted.count / 2
    let median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    // Nearest rank: the smallest time that at least 95% of the runs do not exceed.
    let rank = (sorted.count * 95 + 99) / 100
    self.init(medianMs: median, minMs: sorted[0], p95Ms: sorted[max(rank, 1) - 1], runs: sorted.count)
  }
}

/// What one step of a compiled model is, and what it costs.
public struct NodeProfile: Sendable, Hashable, Codable {
  /// The layer; conversions that the session put in are called after the layer that needs them.
  public var name: String
  /// The operator, with those fused into it: `Conv+Add+Relu`.
  public var op: String
  /// What computes it: oneDNN's implementation (`brgconv:avx512_core_vnni`), or `interpreter` for a plain operator.
  public var implementation: String
  /// Median milliseconds.
  public var ms: Double
  /// Billions of operations per second (a multiply-accumulate is two); 0 for steps that do none.
  public var gflops: Double
  /// Billions of bytes per second: operands and result, once each.
  public var gigabytes: Double
  /// Of what the machine can do: the larger of `gflops` over its f32 multiply-adds and `gigabytes` over its reading of
  /// memory. Integers, bf16, Winograd's form and what lies in a cache can go beyond 1.
  public var share: Double

  /// A profile of these numbers.
  public init(
    name: String, op: String, implementation: String, ms: Double, gflops: Double, gigabytes: Double, share: Double
  ) {
    self.name = name
    self.op = op
    self.implementation = implementation
    self.ms = ms
    self.gflops = gflops
    self.gigabytes = gigabytes
    self.share = share
  }
}

/// What the processor reaches, measured once in a process for each number of threads.
public struct Machine: Sendable, Hashable {
  /// f32 multiply-adds between registers, in GFLOP/s.
  public var gflops: Double
  /// Reading memory that no cache holds, in GB/s.
  public var gigabytes: Double

  private static let known = Mutex<[Int: Machine]>([:])

  /// Measures for about a fifth of a second at first.
  public static func measured(threads: Int) -> Machine {
    known.withLock { known in
      if let found = known[threads] { return found }
      let bytes = 192 << 20
      let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      defer { memory.deallocate() }
      // Pages are there once they are written.
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
      let made = Machine(
        gflops: max(pare_peak_gflops(Int32(clamping: threads)), 1e-3),
        gigabytes: max(pare_peak_bandwidth(memory, bytes, Int32(clamping: threads)), 1e-3))
      known[threads] = made
      return made
    }
  }
}

/// Timing of several sessions side by side, and what the process took.
public enum Bench {
  /// Times sessions in turns, so that a noisy moment hits all of them alike: run 1 of each, run 2 of each, ...
  ///
  /// - Parameters:
  ///   - inputs: by session; absent, synthetic inputs are drawn (see `Session.syntheticInputs`).
  ///   - warmup: runs of each session before the first is timed; absent, a tenth of `runs` and at least 3.
  /// - Throws: `argument` for fewer than one run; what `Session.run` throws.
  public static func interleaved(
    _ sessions: [Session], runs: Int = 50, warmup: Int? = nil, inputs: [[String: Tensor]]? = nil
  ) throws -> [Latency] {
    guard runs >= 1 else {
      throw PareError(.argument, "benchmark: runs", argument: "runs", expected: "at least 1", got: "\(runs)")
    }
    let given = try inputs ?? sessions.map { try $0.syntheticInputs() }
    guard given.count == sessions.count else {
      throw PareError(.argument, "benchmark: inputs", argument: "inputs", expected: "\(sessions.count) sets",
                      got: "\(given.count)")
    }
    for (session, inputs) in zip(sessions, given) {
      for _ in 0..<(warmup ?? max(3, runs / 10)) { _ = try session.run(inputs) }
    }
    var times = sessions.map { _ in [Double]() }
    for _ in 0..<runs {
      try Interrupt.check()
      for (index, session) in sessions.enumerated() {
        let start = Clock.milliseconds()
        _ = try session.run(given[index])
        times[index].append(Clock.milliseconds() - start)
      }
    }
    return times.map { Latency(times: $0) }
  }

  /// The most memory that this process has held at a time, in bytes.
  public static func peakRSS() -> Int {
    var usage = rusage()
    guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
    return usage.ru_maxrss * 1024
  }
}

enum Clock {
  /// A monotonic time in milliseconds.
  static func milliseconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) * 1e-6
  }
}
