import ArgumentParser
import Formats
import Foundation
import Graph
import Runtime
import Support
import Tensor

/// `pare bench`: latency of models in the compiled session, several of them interleaved.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Times models in the compiled session; several take turns, so that ratios hold.",
    discussion: "Example: pare bench base.pare small.pare --threads 1")

  @Argument(help: "Models: .onnx or .pare.") var models: [String]
  @Option(help: "The first axis of every input where it is free.") var batch = 1
  @OptionGroup var shape: ShapeOption
  @Option(help: "Timed runs of each model.") var runs = 50
  @Flag(help: "Shows time and implementation per node.") var profile = false
  @Flag(help: "Prints one JSON document; a list when several models are given.") var json = false
  @OptionGroup var options: GlobalOptions

  func validate() throws {
    guard !models.isEmpty else { throw ValidationError("bench: expected at least one model") }
    guard batch >= 1 else { throw ValidationError("--batch: expected at least 1, got \(batch)") }
    guard runs >= 1 else { throw ValidationError("--runs: expected at least 1, got \(runs)") }
  }

  func run() throws {
    try options.apply()
    let shapes = try shape.parsed()
    let sessions = try models.map {
      try Session(ModelFile.open($0, shapes: shapes), threads: Compute.threads, batch: batch, shapes: shapes)
    }
    let latencies = try Bench.interleaved(sessions, runs: runs)
    let reports = try zip(models, latencies).map { path, latency in
      Report(
        model: path, medianMs: latency.medianMs, minMs: latency.minMs, p95Ms: latency.p95Ms, runs: latency.runs,
        batch: batch, threads: Compute.threads, modelBytes: try Self.size(of: path), peakRssBytes: Bench.peakRSS())
    }
    if json {
      if reports.count == 1 { try JSON.print(reports[0]) } else { try JSON.print(reports) }
      return
    }
    var table = Table(["model", "median ms", "min ms", "p95 ms", "file bytes", "faster", "smaller"], numeric: [1, 2, 3, 4, 5, 6])
    for report in reports {
      table.add([
        report.model, Format.decimal(report.medianMs, 4), Format.decimal(report.minMs, 4),
        Format.decimal(report.p95Ms, 4), Format.count(report.modelBytes),
        Format.decimal(reports[0].medianMs / report.medianMs, 2) + "x",
        Format.decimal(Double(reports[0].modelBytes) / Double(report.modelBytes), 2) + "x",
      ])
    }
    print(table.text)
    for report in reports.dropFirst() where report.medianMs > reports[0].medianMs * 1.02 {
      let percent = Format.decimal((report.medianMs / reports[0].medianMs - 1) * 100, 0)
      print("\(report.model) is \(percent) % slower than \(reports[0].model) on this machine: its compression does not pay here.")
    }
    for (path, session) in zip(models, sessions) {
      let dense = try session.profile(runs: 1).filter { $0.implementation.contains(" as dense)") }
      guard !dense.isEmpty else { continue }
      let names = dense.prefix(4).map(\.name).joined(separator: ", ") + (dense.count > 4 ? ", ..." : "")
      print("\(path): \(dense.count) compressed layers run dense, where their own kernels would be slower or are not there: \(names)")
    }
    if profile { for (path, session) in zip(models, sessions) { try printProfile(path, session) } }
  }

  private func printProfile(_ path: String, _ session: Session) throws {
    var table = Table(["node", "op", "implementation", "ms", "GFLOP/s", "GB/s", "of peak"], numeric: [3, 4, 5, 6])
    for node in try session.profile() {
      table.add([
        node.name, node.op, node.implementation, Format.decimal(node.ms, 4),
        node.gflops > 0 ? Format.decimal(node.gflops, 1) : "", Format.decimal(node.gigabytes, 1),
        Format.decimal(node.share, 2),
      ])
    }
    print("\n\(path)\n\(table.text)")
  }

  static func size(of path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return (attributes[.size] as? Int) ?? 0
  }

  private struct Report: Encodable {
    let model: String
    let medianMs, minMs, p95Ms: Double
    let runs, batch, threads, modelBytes, peakRssBytes: Int
  }
}
