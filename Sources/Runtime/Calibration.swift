import Glibc
import Graph
import Support
import Tensor

extension BreakEvenTable {
  /// Measures a table on this machine: each kernel's sample layer against the same layer dense, run by run, at several
  /// densities. A kernel without a sample keeps its built-in curve.
  ///
  /// - Parameters:
  ///   - threads: absent, `Compute.threads`.
  ///   - runs: timed pairs of each layer.
  public static func measured(threads: Int? = nil, runs: Int = 15) throws -> BreakEvenTable {
    try measured(threads: threads ?? Compute.threads, runs: runs, kernels: LayerKernels.all)
  }

  package static func measured(threads: Int, runs: Int, kernels: [any LayerKernel.Type]) throws -> BreakEvenTable {
    var curves = builtIn.curves
    for kernel in kernels {
      // Whatever the table says, the kernel is to run.
      let one = [Point(density: 1, share: 0.001)]
      let always = try BreakEvenTable(curves: Dictionary(uniqueKeysWithValues: kernel.curves.map { ($0, one) }))
      for curve in kernel.curves {
        var points: [Point] = []
        for density in [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 1] {
          guard let model = try kernel.sample(curve, density: density) else { continue }
          let sessions = try [[kernel], []].map { try Session(model, threads: threads, kernels: $0, table: always) }
          let times = try Bench.interleaved(sessions, runs: runs)
          // Two digits: the next ones are noise.
          let share = (times[0].medianMs / times[1].medianMs * 100).rounded() / 100
          points.append(Point(density: density, share: max(share, 0.01)))
        }
        if !points.isEmpty { curves[curve] = points }
      }
    }
    return try BreakEvenTable(curves: curves, rates: measuredRates(threads: threads, runs: runs))
  }

  /// The rates of sample layers large enough that nothing else counts, two digits each; those without a sample keep theirs.
  private static func measuredRates(threads: Int, runs: Int) throws -> [String: Double] {
    func milliseconds(_ modules: [Module], _ input: [Int], batch: Int = 1) throws -> (ms: Double, macs: Double) {
      let model = try NN.sequential(modules, input: input)
      let session = try Session(model, threads: threads, batch: batch)
      return (try session.benchmark(runs: runs).medianMs, Double(try model.cost().macs * batch))
    }
    func rounded(_ value: Double) -> Double {
      let unit = pow(10, log10(max(value, 1e-9)).rounded(.down) - 1)
      return (value / unit).rounded() * unit
    }
    func throughput(_ modules: [Module], _ input: [Int], batch: Int = 1) throws -> Double {
      let (ms, macs) = try milliseconds(modules, input, batch: batch)
      return rounded(macs / max(ms, 1e-6) / 1e6)
    }
    let machine = Machine.measured(threads: threads)
    var rates = builtInRates
    rates[Rate.memory.rawValue] = rounded(machine.gigabytes)
    rates[Rate.convolution.rawValue] = try throughput(
      [NN.conv2d(inChannels: 128, outChannels: 128, kernel: 3, padding: 1)], [128, 28, 28])
    rates[Rate.depthwise.rawValue] = try throughput(
      [NN.conv2d(inChannels: 128, outChannels: 128, kernel: 3, padding: 1, groups: 128)], [128, 28, 28])
    // Rows enough that the weights' way from memory is not what is measured.
    rates[Rate.linear.rawValue] = try throughput([NN.linear(inFeatures: 512, outFeatures: 512)], [512], batch: 256)
    let steps = 40
    let (ms, _) = try milliseconds((0..<steps).map { _ in try NN.linear(inFeatures: 8, outFeatures: 8) }, [8])
    rates[Rate.layers.rawValue] = rounded(Double(steps) / max(ms, 1e-6) / 1e3)
    return rates
  }
}
