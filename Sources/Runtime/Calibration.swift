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
    return try BreakEvenTable(curves: curves)
  }
}
