import Graph
import Support

extension CompressionResult {
  /// Writes the report: one self-contained HTML file.
  ///
  /// - Throws: `io`.
  public func writeReport(to path: String) throws { try AtomicFile.write(html(roofline: true), to: path) }

  /// Writes one line per step (and seed), with a header.
  public func writeCSV(to path: String) throws { try AtomicFile.write(csv, to: path) }

  /// Writes `json`: everything but the models.
  ///
  /// - Throws: `io`.
  public func writeJSON(to path: String) throws { try AtomicFile.write(json, to: path) }

  /// One line per step, the baseline as step 0; absent numbers are empty.
  public var csv: String {
    var lines = ["seed,step,method," + knownFigures.joined(separator: ",")]
    for run in runs.isEmpty ? [self] : runs {
      let rows = [("baseline", run.before)] + run.steps.map { ($0.name, $0.after) }
      for (index, (name, measurement)) in rows.enumerated() {
        let figures = knownFigures.map { measurement[$0].map(Value.text(of:)) ?? "" }
        lines.append("\(run.seed),\(index),\(name)," + figures.joined(separator: ","))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension CompressionResult: CustomStringConvertible {
  /// The result as a terminal shows it: a row per step, the ratio, what was left alone.
  public var description: String {
    let hasMetric = after.metric != nil
    var table = TextTable(
      ["step", "accuracy"] + (hasMetric ? ["metric"] : []) + ["parameters", "nonzeros", "MACs", "bytes", "median", "time"])
    func row(_ name: String, _ m: Measurement, _ seconds: Double?) -> [String] {
      [name, m.accuracy.map(Figures.percent) ?? "-"] + (hasMetric ? [m.metric.map(Figures.short) ?? "-"] : []) + [
        Figures.count(Double(m.parameters)),
        Figures.count(Double(m.nonzeros)), Figures.count(Double(m.macs)), Figures.bytes(Double(m.bytes)),
        m.medianMs.map(Figures.milliseconds) ?? "-", seconds.map(Figures.seconds) ?? "",
      ]
    }
    table.add(row("baseline", before, nil))
    for step in steps { table.add(row(step.name, step.after, step.seconds)) }
    let change = before.accuracy.flatMap { a in after.accuracy.map { Figures.points($0 - a) } } ?? "-"
    let speed = before.medianMs.flatMap { a in after.medianMs.map { Figures.ratio(a, $0) } } ?? "-"
    let difference = before.metric.flatMap { a in after.metric.map { ($0 >= a ? "+" : "-") + Figures.short(abs($0 - a)) } } ?? "-"
    table.add(["gain", change] + (hasMetric ? [difference] : []) + [
      Figures.ratio(Double(before.parameters), Double(after.parameters)),
      Figures.ratio(Double(before.nonzeros), Double(after.nonzeros)), Figures.ratio(Double(before.macs), Double(after.macs)),
      Figures.ratio(Double(before.bytes), Double(after.bytes)), speed, Figures.seconds(seconds),
    ])
    var text = table.text
    if runs.count > 1 {
      text += "\n\n\(runs.count) runs (seeds \(seed)...\(seed &+ UInt64(runs.count - 1))), mean ± 95% interval:"
      for name in knownFigures {
        if let spread = spread(of: name) { text += "\n  \(name == "median_ms" ? "median" : name): \(spread.text(name))" }
      }
    }
    for step in steps where !step.skipped.isEmpty {
      text += "\n\n\(step.name) left alone:"
      for skip in step.skipped { text += "\n  \(skip.layer): \(skip.reason)" }
    }
    return text
  }
}

extension Figures {
  /// A difference of accuracies in percentage points, with its sign.
  package static func points(_ difference: Double) -> String {
    (difference >= 0 ? "+" : "") + fixed(difference * 100, 2) + " pt"
  }

  /// A figure by its name.
  package static func text(_ value: Double, _ name: String) -> String {
    switch name {
    case "accuracy": percent(value)
    case "bytes": bytes(value)
    case "median_ms": milliseconds(value)
    case "loss": fixed(value, 4)
    default: count(value)
    }
  }
}

extension Spread {
  /// `97.10% ± 0.32%`, in the figure's own unit.
  func text(_ name: String) -> String { "\(Figures.text(mean, name)) ± \(Figures.text(interval, name))" }
}
