import Graph
import OrderedCollections

extension Front {
  /// The minimized objective that pictures are drawn against.
  private var axis: String { objectives.first { $0 != "accuracy" } ?? "accuracy" }
  private var height: String { objectives.contains("accuracy") ? "accuracy" : objectives.last ?? axis }

  /// A picture for the report: accuracy against the first minimized objective.
  public var svg: String {
    let key = axis, other = height
    let shown = points.map { point in
      let x = point.values[key] ?? 0, y = point.values[other] ?? 0
      return (x: x, y: y, title: "\(key) \(Figures.text(x, key)), \(other) \(Figures.text(y, other))")
    }
    return Chart.plot(
      [Chart.Series(name: "front", points: shown)], x: key, y: other, xText: { Figures.text($0, key) },
      yText: { Figures.text($0, other) })
  }

  /// The same picture in characters, for a terminal of at least 64 columns.
  public var plot: String {
    let columns = 52, lines = 14, key = axis, other = height
    let xs = points.map { $0.values[key] ?? 0 }, ys = points.map { $0.values[other] ?? 0 }
    guard let left = xs.min(), let right = xs.max(), let bottom = ys.min(), let top = ys.max() else { return "empty front" }
    func place(_ value: Double, _ low: Double, _ high: Double, _ size: Int) -> Int {
      high > low ? Int(((value - low) / (high - low) * Double(size - 1)).rounded()) : 0
    }
    var cells = [[Character]](repeating: [Character](repeating: " ", count: columns), count: lines)
    for (x, y) in zip(xs, ys) { cells[lines - 1 - place(y, bottom, top, lines)][place(x, left, right, columns)] = "●" }
    let ticks = (0..<lines).map { line -> String in
      guard line == 0 || line == lines - 1 || line == lines / 2 else { return "" }
      let share = Double(lines - 1 - line) / Double(lines - 1)
      return Figures.text(bottom + (top - bottom) * share, other)
    }
    let margin = ticks.map(\.count).max() ?? 0
    var text = "\(other)\n"
    for (tick, line) in zip(ticks, cells) {
      text += String(repeating: " ", count: margin - tick.count) + tick + " ┤" + String(line) + "\n"
    }
    let first = Figures.text(left, key), last = Figures.text(right, key)
    text += String(repeating: " ", count: margin + 1) + "└" + String(repeating: "─", count: columns) + "\n"
    text += String(repeating: " ", count: margin + 2) + first
      + String(repeating: " ", count: max(1, columns - first.count - last.count - key.count - 2)) + key + "  " + last
    return text
  }
}

extension Front: CustomStringConvertible {
  /// A row per point, then the picture.
  public var description: String {
    var table = TextTable(["#"] + objectives + ["candidate"])
    for (index, point) in points.enumerated() {
      let chosen = point.candidate.map { "\($0.key)=\($0.value.brief)" }.joined(separator: " ")
      table.add(["\(index + 1)"] + objectives.map { Figures.text(point.values[$0] ?? 0, $0) } + [String(chosen.prefix(60))])
    }
    return "\(points.count) of \(evaluated) candidates\n\(table.text)\n\n\(plot)"
  }
}
