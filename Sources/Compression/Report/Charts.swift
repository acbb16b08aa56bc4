import Glibc

/// The pictures of the report: inline SVG, coloured by the page's variables, so that they follow light and dark.
///
/// Each is drawn 360 units wide, which a phone shows at about its own size and a desk in columns.
enum Chart {
  static let width = 360.0

  /// Horizontal bars, one row each: label, bar, value.
  struct Bar {
    var label: String
    var value: Double
    var text: String
    /// The bar's class: "base", "accent".
    var style = "accent"
  }

  /// - Parameter from: where the bars start; accuracies need not start at 0.
  static func bars(_ bars: [Bar], from start: Double = 0) -> String {
    let labelWidth = min(130.0, 14 + 7 * Double(bars.map(\.label.count).max() ?? 0))
    let textWidth = 14 + 6.6 * Double(bars.map(\.text.count).max() ?? 0)
    let room = width - labelWidth - textWidth
    let largest = max(bars.map { $0.value - start }.max() ?? 0, 1e-12)
    var body = ""
    for (row, bar) in bars.enumerated() {
      let y = Double(row) * 26
      let length = max(1.5, max(0, bar.value - start) / largest * room)
      body += text(clip(bar.label, labelWidth), x: labelWidth - 8, y: y + 17, anchor: "end", style: "label")
      body += "<rect class=\"\(bar.style)\" x=\"\(n(labelWidth))\" y=\"\(n(y + 5))\" width=\"\(n(length))\" height=\"16\" rx=\"3\"/>"
      body += text(bar.text, x: labelWidth + length + 6, y: y + 17, style: "value")
    }
    return svg(body, height: Double(bars.count) * 26 + 4)
  }

  /// Pairs of bars over each other: before (wide and pale) and after.
  static func pairs(_ rows: [(label: String, before: Double, after: Double, text: String)]) -> String {
    let labelWidth = min(140.0, 14 + 7 * Double(rows.map(\.label.count).max() ?? 0))
    let textWidth = 14 + 6.6 * Double(rows.map(\.text.count).max() ?? 0)
    let room = width - labelWidth - textWidth
    let largest = max(rows.map { max($0.before, $0.after) }.max() ?? 0, 1e-12)
    var body = ""
    for (row, values) in rows.enumerated() {
      let y = Double(row) * 24
      let before = max(1.5, values.before / largest * room), after = max(1.5, values.after / largest * room)
      body += text(clip(values.label, labelWidth), x: labelWidth - 8, y: y + 15, anchor: "end", style: "label")
      body += "<rect class=\"base\" x=\"\(n(labelWidth))\" y=\"\(n(y + 3))\" width=\"\(n(before))\" height=\"16\" rx=\"3\"/>"
      body += "<rect class=\"accent\" x=\"\(n(labelWidth))\" y=\"\(n(y + 6))\" width=\"\(n(after))\" height=\"10\" rx=\"2\"/>"
      body += text(values.text, x: labelWidth + max(before, after) + 6, y: y + 15, style: "value")
    }
    return svg(body, height: Double(rows.count) * 24 + 4)
  }

  /// One named line or cloud of points.
  struct Series {
    var name: String
    var points: [(x: Double, y: Double, title: String)]
    var style = "accent"
    var isLine = true
    /// Short texts beside the points.
    var labels: [String] = []
  }

  /// Axes with ticks; `x` may be logarithmic.
  static func plot(
    _ series: [Series], x xName: String, y yName: String, logarithmicX: Bool = false,
    xText: (Double) -> String, yText: (Double) -> String
  ) -> String {
    let height = 236.0, left = 52.0, right = 14.0, top = 22.0, bottom = 40.0
    let all = series.flatMap(\.points)
    guard !all.isEmpty else { return "" }
    func shown(_ x: Double) -> Double { logarithmicX ? log10(max(x, 1e-12)) : x }
    let xs = range(all.map { shown($0.x) }), ys = range(all.map(\.y))
    func px(_ x: Double) -> Double { left + (shown(x) - xs.low) / (xs.high - xs.low) * (width - left - right) }
    func py(_ y: Double) -> Double { height - bottom - (y - ys.low) / (ys.high - ys.low) * (height - top - bottom) }
    var body = ""
    for step in 0...3 {
      let y = ys.low + (ys.high - ys.low) * Double(step) / 3
      body += "<line class=\"grid\" x1=\"\(n(left))\" x2=\"\(n(width - right))\" y1=\"\(n(py(y)))\" y2=\"\(n(py(y)))\"/>"
      body += text(yText(y), x: left - 6, y: py(y) + 4, anchor: "end", style: "tick")
    }
    for step in 0...2 {
      let share = Double(step) / 2, position = xs.low + (xs.high - xs.low) * share
      let x = logarithmicX ? pow(10, position) : position
      let anchor = step == 0 ? "start" : step == 2 ? "end" : "middle"
      // Two epochs have none in the middle.
      if step == 1, [xs.low, xs.high].contains(where: { xText(logarithmicX ? pow(10, $0) : $0) == xText(x) }) { continue }
      body += text(xText(x), x: left + share * (width - left - right), y: height - bottom + 16, anchor: anchor, style: "tick")
    }
    body += text(xName, x: (left + width - right) / 2, y: height - 6, anchor: "middle", style: "tick")
    body += text(yName, x: left - 44, y: 12, style: "tick")
    for line in series {
      if line.isLine, line.points.count > 1 {
        let path = line.points.map { "\(n(px($0.x))),\(n(py($0.y)))" }.joined(separator: " ")
        body += "<polyline class=\"line \(line.style)\" points=\"\(path)\"/>"
      }
      if line.points.count <= 60 || !line.isLine {
        for (index, point) in line.points.enumerated() {
          body += "<circle class=\"\(line.style)\" cx=\"\(n(px(point.x)))\" cy=\"\(n(py(point.y)))\" r=\"\(line.isLine ? 3 : 4)\">"
            + "<title>\(escape(point.title))</title></circle>"
          if index < line.labels.count {
            let atEnd = px(point.x) > width - 90
            body += text(
              line.labels[index], x: px(point.x) + (atEnd ? -7 : 7), y: py(point.y) + (index % 2 == 0 ? -7 : 15),
              anchor: atEnd ? "end" : "start", style: "tick")
          }
        }
      }
    }
    return svg(body, height: height)
  }

  /// Two histograms over one another, scaled to the same axis.
  static func histogram(before: [Int], after: [Int], low: Double, high: Double) -> String {
    let height = 92.0, base = height - 16
    func outline(_ counts: [Int], _ style: String) -> String {
      let total = Double(max(1, counts.reduce(0, +)))
      let largest = max(1e-12, max(before.share, after.share))
      let step = width / Double(max(1, counts.count))
      var points = "0,\(n(base))"
      for (index, count) in counts.enumerated() {
        // Roots, because compressed weights pile up in a few places and the rest would vanish.
        let y = base - (Double(count) / total / largest).squareRoot() * (base - 4)
        points += " \(n(Double(index) * step)),\(n(y)) \(n(Double(index + 1) * step)),\(n(y))"
      }
      return "<polygon class=\"\(style)\" points=\"\(points) \(n(width)),\(n(base))\"/>"
    }
    var body = outline(before, "base") + outline(after, "accent soft")
    body += "<line class=\"grid\" x1=\"0\" x2=\"\(n(width))\" y1=\"\(n(base))\" y2=\"\(n(base))\"/>"
    body += text(Figures.short(low), x: 0, y: height - 3, style: "tick")
    body += text(Figures.short(high), x: width, y: height - 3, anchor: "end", style: "tick")
    if low < 0, high > 0 { body += text("0", x: -low / (high - low) * width, y: height - 3, anchor: "middle", style: "tick") }
    return svg(body, height: height)
  }

  /// A confusion matrix: rows are the truth, columns what the model said.
  static func matrix(_ counts: [[Int]], _ names: [String]) -> String {
    let size = counts.count, left = 44.0, top = 30.0
    let cell = (width - left - 4) / Double(max(1, size))
    let wrong = counts.enumerated().flatMap { row, values in values.enumerated().filter { $0.offset != row }.map(\.element) }
    let largest = Double(max(1, wrong.max() ?? 1))
    var body = ""
    for (row, values) in counts.enumerated() {
      let total = Double(max(1, values.reduce(0, +)))
      body += text(clip(name(row, names), left), x: left - 6, y: top + (Double(row) + 0.5) * cell + 4, anchor: "end", style: "tick")
      body += text(
        clip(name(row, names), cell + 4), x: left + (Double(row) + 0.5) * cell, y: top - 8, anchor: "middle", style: "tick")
      for (column, count) in values.enumerated() {
        let opacity = row == column ? 0.25 + 0.75 * Double(count) / total : count == 0 ? 0 : 0.2 + 0.8 * Double(count) / largest
        let x = left + Double(column) * cell, y = top + Double(row) * cell
        body += "<rect class=\"\(row == column ? "accent" : "wrong")\" fill-opacity=\"\(n(opacity))\" x=\"\(n(x + 0.5))\" y=\"\(n(y + 0.5))\""
          + " width=\"\(n(cell - 1))\" height=\"\(n(cell - 1))\" rx=\"2\"><title>\(escape(name(row, names))) as \(escape(name(column, names))): \(count)</title></rect>"
        if count > 0, cell > 20 {
          body += text("\(count)", x: x + cell / 2, y: y + cell / 2 + 4, anchor: "middle", style: opacity > 0.6 ? "cell full" : "cell")
        }
      }
    }
    return svg(body, height: top + cell * Double(size) + 4)
  }

  private static func name(_ index: Int, _ names: [String]) -> String { index < names.count ? names[index] : "\(index)" }

  // MARK: Pieces

  private static func svg(_ body: String, height: Double) -> String {
    "<svg viewBox=\"0 0 \(n(width)) \(n(height))\" role=\"img\">\(body)</svg>"
  }

  private static func text(_ string: String, x: Double, y: Double, anchor: String = "start", style: String) -> String {
    "<text class=\"\(style)\" x=\"\(n(x))\" y=\"\(n(y))\" text-anchor=\"\(anchor)\">\(escape(string))</text>"
  }

  /// Cuts a label to what fits, about 7 units a letter.
  private static func clip(_ text: String, _ room: Double) -> String {
    let letters = max(1, Int((room - 8) / 6.6))
    return text.count <= letters ? text : "…" + text.suffix(letters - 1)
  }

  private static func range(_ values: [Double]) -> (low: Double, high: Double) {
    let low = values.min() ?? 0, high = values.max() ?? 1
    let space = high > low ? (high - low) * 0.06 : max(abs(high) * 0.05, 1e-9)
    return (low - space, high + space)
  }

  static func n(_ value: Double) -> String {
    let text = Figures.fixed(value, 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  static func escape(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      // Control characters have no place in HTML.
      case _ where character.value < 0x20 && character != "\n" && character != "\t": result += "\u{FFFD}"
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}

extension [Int] {
  /// The largest share of the whole that one bin has.
  fileprivate var share: Double { Double(self.max() ?? 0) / Double(Swift.max(1, reduce(0, +))) }
}
