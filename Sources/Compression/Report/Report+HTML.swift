import Graph
import Runtime
import Support
import Tensor
import Training

extension CompressionResult {
  /// The report as one HTML file: style and pictures inside, nothing loaded from elsewhere.
  ///
  /// - Parameter roofline: whether to run sessions of both models for the picture of what the machine allows and they reach;
  ///   everything else is known already.
  /// - Throws: errors of reading the models' weights.
  public func html(roofline: Bool = false) throws -> String {
    let name = dataName.map { " on \($0)" } ?? ""
    let title = steps.isEmpty ? "Compression\(name)" : steps.map(\.name).joined(separator: " · ") + name
    var body = header(title)
    body += cards()
    body += Page.section("Steps", steps.isEmpty ? "" : stepTable() + "\n" + stepPictures())
    body += runsSection()
    body += frontSection()
    body += layerSection()
    body += Page.section(
      "Weights", note: "Share of weights by value, before and after; heights are square roots.", try histograms())
    body += trainingSection()
    body += classSection()
    body += confusionSection()
    body += skippedSection()
    body += ledgerSection()
    if roofline { body += try rooflineSection() }
    body += Page.section("Machine", "<p class=\"meta\">\(Chart.escape(Machine.description))</p>")
    return Page.html(title: "Pare: " + title, body)
  }

  private func header(_ title: String) -> String {
    let items = steps.map { "<li>\(Chart.escape($0.text))</li>" }.joined()
    return """
      <header>
      <p class="brand">Pare report</p>
      <h1>\(Chart.escape(title))</h1>
      <p class="meta">seed \(seed) · \(Figures.seconds(seconds)) · Pare \(pareVersion)</p>
      <ol class="recipe">\(items)</ol>
      </header>

      """
  }

  private func cards() -> String {
    var cards: [(String, String, Bool)] = [
      (
        Figures.ratio(Double(before.bytes), Double(after.bytes)),
        "smaller: \(Figures.bytes(Double(before.bytes))) to \(Figures.bytes(Double(after.bytes)))", after.bytes > before.bytes
      )
    ]
    if let a = before.medianMs, let b = after.medianMs {
      cards.append((Figures.ratio(a, b), "faster: \(Figures.milliseconds(a)) to \(Figures.milliseconds(b))", b > a))
    }
    if let a = before.accuracy, let b = after.accuracy {
      cards.append((Figures.points(b - a), "accuracy: \(Figures.percent(a)) to \(Figures.percent(b))", b < a - 0.01))
    }
    cards.append(
      (
        Figures.ratio(Double(before.macs), Double(after.macs)),
        "fewer MACs: \(Figures.count(Double(before.macs))) to \(Figures.count(Double(after.macs)))", after.macs > before.macs
      ))
    cards.append(
      (
        Figures.ratio(Double(before.parameters), Double(after.parameters)),
        "fewer parameters: \(Figures.count(Double(before.parameters))) to \(Figures.count(Double(after.parameters)))",
        after.parameters > before.parameters
      ))
    let html = cards.map { "<div class=\"card\($0.2 ? " bad" : "")\"><b>\($0.0)</b><span>\(joined($0.1))</span></div>" }
    return "<div class=\"cards\">\(html.joined())</div>\n"
  }

  /// Keeps a number and its unit on one line.
  private func joined(_ text: String) -> String {
    var result = ""
    var last: Character = " "
    for character in text {
      result.append(character == " " && last.isNumber ? "\u{A0}" : character)
      last = character
    }
    return result.replacing("\u{A0}to ", with: " to ")
  }

  private func rooflineSection() throws -> String {
    let machine = Runtime.Machine.measured(threads: Compute.threads)
    let figures = try [("before", baseline), ("after", model)].map { name, model -> String in
      let steps: [NodeProfile]
      do { steps = try Session(model).profile(runs: 5) } catch let error as PareError where error.code != .interrupted {
        return "<p class=\"meta\">\(name): no session, \(Chart.escape(error.message))</p>"
      }
      // Inside of a page a picture needs no name of its language.
      return Page.figure(name, Roofline.svg(steps, machine).replacing(" xmlns=\"http://www.w3.org/2000/svg\"", with: ""))
    }
    return Page.section(
      "Roofline", note: "Each step of the session by its operations per byte, below what this machine can do; areas are times.",
      Page.grid(figures))
  }

  // MARK: Steps

  private var rows: [(name: String, measurement: Measurement, seconds: Double?)] {
    [("baseline", before, nil)] + steps.map { ($0.name, $0.after, $0.seconds) }
  }

  private func stepTable() -> String {
    let header = ["step", "accuracy", "loss"] + (after.metric == nil ? [] : ["metric"]) + ["parameters", "nonzeros", "MACs", "bytes", "smaller", "median", "faster", "time"]
    let rows = rows.map { name, m, seconds in
      [name, m.accuracy.map(Figures.percent) ?? "-", m.loss.map { Figures.fixed($0, 4) } ?? "-"]
        + (after.metric == nil ? [] : [m.metric.map(Figures.short) ?? "-"]) + [
        Figures.count(Double(m.parameters)), Figures.count(Double(m.nonzeros)), Figures.count(Double(m.macs)),
        Figures.bytes(Double(m.bytes)), Figures.ratio(Double(before.bytes), Double(m.bytes)),
        m.medianMs.map(Figures.milliseconds) ?? "-",
        before.medianMs.flatMap { a in m.medianMs.map { Figures.ratio(a, $0) } } ?? "-", seconds.map(Figures.seconds) ?? "",
      ]
    }
    return Page.table(header, rows, strong: rows.count - 1)
  }

  private func stepPictures() -> String {
    func bars(_ value: (Measurement) -> Double?, _ text: (Double) -> String, from start: Double = 0) -> String {
      let found = rows.enumerated().compactMap { index, row in
        value(row.measurement).map {
          Chart.Bar(label: row.name, value: $0, text: text($0), style: index == 0 ? "base" : "accent")
        }
      }
      return found.count == rows.count ? Chart.bars(found, from: start) : ""
    }
    let accuracies = rows.compactMap(\.measurement.accuracy)
    let lowest = accuracies.min() ?? 0, highest = accuracies.max() ?? 1
    let start = max(0, lowest - max(0.02, (highest - lowest)))
    var curve = ""
    if accuracies.count == rows.count {
      let points = rows.map {
        (x: Double($0.measurement.bytes), y: $0.measurement.accuracy ?? 0,
         title: "\($0.name): \(Figures.bytes(Double($0.measurement.bytes))), \(Figures.percent($0.measurement.accuracy ?? 0))")
      }
      curve = Chart.plot(
        [Chart.Series(name: "steps", points: points, labels: rows.map(\.name))], x: "bytes (logarithmic)", y: "accuracy",
        logarithmicX: true, xText: Figures.bytes, yText: Figures.percent)
    }
    var speed = ""
    if accuracies.count == rows.count, rows.allSatisfy({ $0.measurement.medianMs != nil }) {
      let points = rows.map {
        (x: $0.measurement.medianMs ?? 0, y: $0.measurement.accuracy ?? 0,
         title: "\($0.name): \(Figures.milliseconds($0.measurement.medianMs ?? 0)), \(Figures.percent($0.measurement.accuracy ?? 0))")
      }
      speed = Chart.plot(
        [Chart.Series(name: "steps", points: points, labels: rows.map(\.name))], x: "latency (logarithmic)", y: "accuracy",
        logarithmicX: true, xText: Figures.milliseconds, yText: Figures.percent)
    }
    return Page.grid([
      Page.figure("Bytes", bars({ Double($0.bytes) }, Figures.bytes)),
      Page.figure("Latency, batch 1", bars({ $0.medianMs }, Figures.milliseconds)),
      Page.figure("Accuracy (bars from \(Figures.percent(start)))", bars({ $0.accuracy }, Figures.percent, from: start)),
      Page.figure("Accuracy against size", curve),
      Page.figure("Accuracy against latency", speed),
    ])
  }

  private func runsSection() -> String {
    guard runs.count > 1 else { return "" }
    let rows = runs.map { run in
      ["\(run.seed)"] + knownFigures.map { name in run.after[name].map { Figures.text($0, name) } ?? "-" }
    }
    let spread = ["mean ± 95%"] + knownFigures.map { name in self.spread(of: name)?.text(name) ?? "-" }
    return Page.section(
      "\(runs.count) seeds",
      Page.table(["seed"] + knownFigures, rows + [spread], strong: rows.count) + "<h3>Step by step, mean ± 95%</h3>"
        + Page.table(["step", "accuracy", "bytes", "median"], stepSpreads()))
  }

  /// Accuracy, size and latency after each step, over the seeds.
  private func stepSpreads() -> [[String]] {
    guard let first = runs.first else { return [] }
    return (0...first.steps.count).map { index in
      func cell(_ figure: String) -> String {
        let values = runs.compactMap { run in index == 0 ? run.before[figure] : run.steps.indices.contains(index - 1) ? run.steps[index - 1].after[figure] : nil }
        return values.count == runs.count ? Spread(values).text(figure) : "-"
      }
      return [index == 0 ? "baseline" : first.steps[index - 1].name, cell("accuracy"), cell("bytes"), cell("median_ms")]
    }
  }

  private func frontSection() -> String {
    let pictures = steps.compactMap { step in
      step.front.map { Page.figure("\(step.name): \($0.points.count) of \($0.evaluated) candidates", $0.svg) }
    }
    return Page.section("Pareto front", note: "Candidates that no other one beats in every objective (validation accuracy).",
      Page.grid(pictures))
  }

  // MARK: Layers

  private func layerSection() -> String {
    guard let first = steps.first, let last = steps.last else { return "" }
    let final = Dictionary(last.layers.map { ($0.name, $0) }, uniquingKeysWith: { a, _ in a })
    let rows = first.layers.map { layer in
      let bytes = final[layer.name]?.bytesAfter ?? layer.bytesAfter
      return (
        label: layer.name, before: Double(layer.bytesBefore), after: Double(bytes),
        text: "\(Figures.bytes(Double(layer.bytesBefore))) to \(Figures.bytes(Double(bytes)))"
      )
    }
    let legend = [("base", "before"), ("accent", "after")]
    var body = Page.grid(
      stride(from: 0, to: rows.count, by: 24).map { start in
        let part = Array(rows[start..<min(rows.count, start + 24)])
        return Page.figure("Bytes per layer", Chart.pairs(part), legend: legend)
      })
    for step in steps {
      let cells = step.layers.map { layer in
        [
          layer.name, layer.op, layer.representation, layer.errorDb.map(Figures.decibels) ?? "-",
          layer.shrunkDifference.map(Figures.short) ?? "-",
          "\(Figures.bytes(Double(layer.bytesBefore))) to \(Figures.bytes(Double(layer.bytesAfter)))",
          "\(Figures.count(Double(layer.macsBefore))) to \(Figures.count(Double(layer.macsAfter)))",
        ]
      }
      let header = ["layer", "op", "stored as", "output error", "masked - shrunk", "bytes", "MACs"]
      body += "<details\(step.name == last.name ? " open" : "")><summary>\(Chart.escape(step.name))</summary>"
        + Page.table(header, cells) + log(step) + "</details>"
    }
    return Page.section(
      "Layers",
      note: "Output error: signal to noise of a layer's output against the model given to the step. "
        + "Masked - shrunk: largest difference between the two forms of a cut model.", body)
  }

  private func log(_ step: StepResult) -> String {
    step.log.isEmpty ? "" : "<pre>\(Chart.escape(step.log.joined(separator: "\n")))</pre>"
  }

  private func histograms() throws -> String {
    // Factors of one layer are no longer that layer's weights: only layers that are still there are drawn.
    let before = try baseline.layerViews(), after = try model.layerViews()
    let later = Dictionary(after.map { ($0.name, $0) }, uniquingKeysWith: { a, _ in a })
    let shared = before.filter { later[$0.name] != nil }
    let figures = try shared.prefix(24).compactMap { layer -> String? in
      guard let now = later[layer.name] else { return nil }
      return Page.figure(layer.name, try WeightHistogram(layer.weight, now.weight).svg)
    }
    return Page.grid(figures)
      + (shared.count > 24 ? "<p class=\"note\">The first 24 of \(shared.count) layers.</p>" : "")
  }

  // MARK: Training and evaluation

  private func trainingSection() -> String {
    let figures = steps.filter { $0.history.count > 1 }.flatMap { step -> [String] in
      let epochs = step.history.enumerated().map { (Double($0.offset + 1), $0.element) }
      func series(_ name: String, _ style: String, _ value: (EpochRecord) -> Double?) -> Chart.Series? {
        let points = epochs.compactMap { x, record in
          value(record).flatMap { $0.isFinite ? (x: x, y: $0, title: "\(name), epoch \(Int(x)): \(Figures.short($0))") : nil }
        }
        return points.isEmpty ? nil : Chart.Series(name: name, points: points, style: style)
      }
      let legend = [("accent", "training"), ("second", "validation")]
      func plot(_ series: [Chart.Series?], _ name: String, _ text: (Double) -> String) -> String {
        Chart.plot(series.compactMap { $0 }, x: "epoch", y: name, xText: { Figures.fixed($0, 0) }, yText: text)
      }
      return [
        Page.figure(
          "\(step.name): loss",
          plot([series("training", "accent") { $0.loss }, series("validation", "second") { $0.validationLoss }], "loss", Figures.short),
          legend: legend),
        Page.figure(
          "\(step.name): accuracy",
          plot([series("training", "accent") { $0.accuracy }, series("validation", "second") { $0.validationAccuracy }],
            "accuracy", Figures.percent), legend: legend),
      ]
    }
    return Page.section("Training", Page.grid(figures))
  }

  private func confusionSection() -> String {
    guard let evaluation, case let counts = evaluation.confusion, counts.count > 1, counts.count <= 20 else { return "" }
    return Page.section(
      "Confusion", note: "Test samples after the last step: rows are the truth, columns the answers.",
      Page.grid([Page.figure("", Chart.matrix(counts, classes))]))
  }

  /// What happened to each class: its accuracy before and after, the worst change first.
  private func classSection() -> String {
    guard let first = baselineEvaluation?.perClass, let last = evaluation?.perClass, first.count == last.count, first.count > 1 else { return "" }
    let changes = first.indices.filter { first[$0].isFinite && last[$0].isFinite }
      .map { (name: $0 < classes.count ? classes[$0] : "\($0)", before: first[$0], after: last[$0]) }
      .sorted { $0.after - $0.before < $1.after - $1.before }
    guard !changes.isEmpty else { return "" }
    let rows = changes.prefix(40).map { change in
      [change.name, Figures.percent(change.before), Figures.percent(change.after), Figures.points(change.after - change.before)]
    }
    return Page.section(
      "Classes", note: "Accuracy of each class on the test part, before and after; the one that lost most comes first."
        + (changes.count > 40 ? " The first 40 of \(changes.count)." : ""),
      Page.table(["class", "before", "after", "change"], rows))
  }

  private func skippedSection() -> String {
    let rows = steps.flatMap { step in step.skipped.map { [step.name, $0.layer, $0.reason] } }
    return rows.isEmpty ? "" : "<div class=\"prose\">" + Page.section(
      "Layers left alone", Page.table(["step", "layer", "reason"], rows)) + "</div>"
  }

  private func ledgerSection() -> String {
    let entries = model.ledger.map { "<pre>\(Chart.escape($0.recorded.prettyJSON))</pre>" }.joined()
    return entries.isEmpty ? "" : Page.section(
      "Ledger", note: "What the saved file itself carries; the same recipe, seed and data give the same bytes.",
      "<details><summary>\(model.ledger.count) entries</summary>\(entries)</details>")
  }
}

/// Weights of a layer before and after, counted in bins.
private struct WeightHistogram {
  private static let bins = 72
  let before: [Int]
  let after: [Int]
  let low: Double
  let high: Double

  init(_ first: Tensor, _ second: Tensor) throws {
    let a = try first.values(as: Float.self).filter(\.isFinite), b = try second.values(as: Float.self).filter(\.isFinite)
    let low = Double(min(a.min() ?? 0, b.min() ?? 0)), high = Double(max(a.max() ?? 0, b.max() ?? 0))
    func counted(_ values: [Float]) -> [Int] {
      var counts = [Int](repeating: 0, count: Self.bins)
      guard high > low else { return counts }
      for value in values {
        let bin = Int((Double(value) - low) / (high - low) * Double(Self.bins))
        counts[min(Self.bins - 1, max(0, bin))] += 1
      }
      return counts
    }
    self.low = low
    self.high = high
    before = counted(a)
    after = counted(b)
  }

  var svg: String { high > low ? Chart.histogram(before: before, after: after, low: low, high: high) : "" }
}
