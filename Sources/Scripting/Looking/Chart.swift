import Compression
import Glibc

/// Lines or points over two axes, for a terminal or as a picture.
struct LineChart {
  struct Series {
    var name: String
    var points: [(x: Double, y: Double)]
  }
  var series: [Series]
  var title = ""
  var xName = ""
  var yName = ""
  var isPoints = false
  var logarithmic = false

  private func shown(_ y: Double) -> Double { logarithmic ? log10(y) : y }

  /// What can be drawn: finite, and above 0 on a logarithmic axis.
  private func drawable(_ series: Series) -> [(x: Double, y: Double)] {
    series.points.filter { $0.x.isFinite && $0.y.isFinite && (!logarithmic || $0.y > 0) }
  }

  private func ranges() -> (x: ClosedRange<Double>, y: ClosedRange<Double>)? {
    let all = series.flatMap(drawable)
    guard let first = all.first else { return nil }
    var (left, right, low, high) = (first.x, first.x, shown(first.y), shown(first.y))
    for point in all {
      left = min(left, point.x)
      right = max(right, point.x)
      low = min(low, shown(point.y))
      high = max(high, shown(point.y))
    }
    if high == low { (low, high) = (low - max(abs(low) * 0.1, 1e-9), high + max(abs(high) * 0.1, 1e-9)) }
    if left == right { (left, right) = (left - 0.5, right + 0.5) }
    return (left...right, low...high)
  }

  private func label(_ y: Double) -> String { Figures.short(logarithmic ? pow(10, y) : y) }

  /// The chart in characters.
  func text(columns: Int, rows: Int) -> String {
    guard let (xs, ys) = ranges() else { return "nothing to draw" }
    let ticks = (0..<rows).map { row -> String in
      guard row == 0 || row == rows - 1 || row == rows / 2 else { return "" }
      return label(ys.upperBound - (ys.upperBound - ys.lowerBound) * Double(row) / Double(max(1, rows - 1)))
    }
    let margin = ticks.map(\.count).max() ?? 0
    var canvas = Braille(columns: max(8, columns - margin - 3), rows: rows)
    func px(_ x: Double) -> Double { (x - xs.lowerBound) / (xs.upperBound - xs.lowerBound) * Double(canvas.width - 1) }
    func py(_ y: Double) -> Double { (ys.upperBound - shown(y)) / (ys.upperBound - ys.lowerBound) * Double(canvas.height - 1) }
    for (owner, line) in series.enumerated() {
      let points = drawable(line)
      for point in points { canvas.set(Int(px(point.x).rounded()), Int(py(point.y).rounded()), owner: owner) }
      guard !isPoints else { continue }
      for (a, b) in zip(points, points.dropFirst()) { canvas.line(px(a.x), py(a.y), px(b.x), py(b.y), owner: owner) }
    }
    var lines: [String] = []
    if !title.isEmpty { lines.append(title) }
    if series.count > 1 || !(series.first?.name ?? "").isEmpty {
      lines.append(series.enumerated().map { Terminal.coloured("● ", color($0.offset)) + $0.element.name }.joined(separator: "   "))
    }
    if !yName.isEmpty { lines.append(yName) }
    for row in 0..<rows {
      let body = canvas.row(row).map { $0.character == " " ? " " : Terminal.coloured(String($0.character), color($0.owner)) }.joined()
      lines.append(String(repeating: " ", count: margin - ticks[row].count) + ticks[row] + " ┤" + body)
    }
    lines.append(String(repeating: " ", count: margin + 1) + "└" + String(repeating: "─", count: canvas.columns))
    let first = Figures.short(xs.lowerBound), last = Figures.short(xs.upperBound)
    let gap = max(1, canvas.columns - first.count - last.count - xName.count - 2)
    lines.append(String(repeating: " ", count: margin + 2) + first + String(repeating: " ", count: gap) + xName + "  " + last)
    return lines.joined(separator: "\n")
  }

  private func color(_ index: Int) -> Picture.Color { Picture.Color.series[index % Picture.Color.series.count] }

  /// The chart as a picture.
  func picture() -> Picture? {
    guard let (xs, ys) = ranges() else { return nil }
    var picture = Picture(width: 640, height: 360)
    let left = 62.0, right = 20.0, top = title.isEmpty ? 34.0 : 52.0, bottom = 44.0
    func px(_ x: Double) -> Double { left + (x - xs.lowerBound) / (xs.upperBound - xs.lowerBound) * (640 - left - right) }
    func py(_ y: Double) -> Double { 360 - bottom - (y - ys.lowerBound) / (ys.upperBound - ys.lowerBound) * (360 - top - bottom) }
    if !title.isEmpty { picture.text(title, left, 22, size: 15, color: .ink) }
    for step in 0...4 {
      let y = ys.lowerBound + (ys.upperBound - ys.lowerBound) * Double(step) / 4
      picture.line([.init(left, py(y)), .init(640 - right, py(y))], .grid, width: 1)
      picture.text(label(y), left - 8, py(y) + 4, .end)
      let x = xs.lowerBound + (xs.upperBound - xs.lowerBound) * Double(step) / 4
      picture.text(Figures.short(x), px(x), 360 - bottom + 18, .middle)
    }
    if !xName.isEmpty { picture.text(xName, (left + 640 - right) / 2, 352, .middle) }
    if !yName.isEmpty { picture.text(yName, 8, top - 14) }
    var legend = left + (yName.isEmpty ? 0 : 120)
    for (index, line) in series.enumerated() {
      let points = drawable(line).map { Picture.Point(px($0.x), py(shown($0.y))) }
      if !isPoints { picture.line(points, color(index), width: 2) }
      if isPoints || points.count <= 40 { for point in points { picture.dot(point.x, point.y, color(index), radius: isPoints ? 3 : 2.5) } }
      guard !line.name.isEmpty else { continue }
      picture.dot(legend, top - 18, color(index), radius: 4)
      picture.text(line.name, legend + 9, top - 14, color: .ink)
      legend += 24 + Double(line.name.count) * 8
    }
    return picture
  }
}

/// Named bars, or the counts of a histogram.
struct BarChart {
  var bars: [(name: String, value: Double)]
  var title = ""

  func text(columns: Int) -> String {
    let names = bars.map(\.name.count).max() ?? 0
    let figures = bars.map { Self.figure($0.value) }, room = figures.map(\.count).max() ?? 0
    let (least, half) = span
    let width = max(8, columns - names - room - (least < 0 ? 5 : 4))
    // What is below 0 stands to the left of a line.
    let zero = least < 0 ? max(1, Int((-least / 2 / half * Double(width)).rounded())) : 0
    var lines = title.isEmpty ? [] : [title]
    for (bar, figure) in zip(bars, figures) {
      let share = half > 0 && bar.value.isFinite ? abs(bar.value) / 2 / half : 0
      let eighths = Int((share * Double(width) * 8).rounded())
      let below = bar.value < 0 ? min(zero, max(1, (eighths + 4) / 8)) : 0
      var body = String(repeating: " ", count: zero - below) + String(repeating: "█", count: below) + (least < 0 ? "│" : "")
      if bar.value >= 0 { body += String(repeating: "█", count: eighths / 8) }
      if bar.value >= 0, eighths % 8 > 0, let scalar = Unicode.Scalar(UInt32(0x2590 - eighths % 8)) { body.append(Character(scalar)) }
      lines.append(
        bar.name + String(repeating: " ", count: names - bar.name.count + 1) + String(repeating: " ", count: room - figure.count)
          + figure + " " + Terminal.coloured(body, Picture.Color.series[0]))
    }
    return lines.isEmpty ? "nothing to draw" : lines.joined(separator: "\n")
  }

  func picture() -> Picture {
    let row = 22.0, top = title.isEmpty ? 14.0 : 40.0
    var picture = Picture(width: 640, height: top + row * Double(bars.count) + 14)
    if !title.isEmpty { picture.text(title, 14, 24, size: 15, color: .ink) }
    let names = min(220, Double(bars.map(\.name.count).max() ?? 0) * 7.6 + 22)
    let (least, half) = span
    let zero = least < 0 ? names + -least / 2 / half * (560 - names) : names
    for (index, bar) in bars.enumerated() {
      let y = top + row * Double(index)
      let width = half > 0 && bar.value.isFinite ? abs(bar.value) / 2 / half * (560 - names) : 0
      // Names of layers differ at their ends.
      let name = bar.name.count > Self.longestName ? ".." + bar.name.suffix(Self.longestName - 2) : bar.name
      picture.text(name, names - 8, y + 15, .end, color: .ink)
      picture.rectangle(bar.value < 0 ? zero - width : zero, y + 3, max(width, 0.5), row - 6, Picture.Color.series[0])
      picture.text(Self.figure(bar.value), (bar.value < 0 ? zero : zero + width) + 6, y + 15)
    }
    if least < 0 { picture.line([.init(zero, top), .init(zero, picture.height - 14)], .soft, width: 1) }
    return picture
  }

  /// The least value, at most 0, and half of the way from there to the greatest, at least 0: the whole may be beyond
  /// what a number can say.
  private var span: (least: Double, half: Double) {
    let known = bars.map(\.value).filter(\.isFinite)
    let least = min(0, known.min() ?? 0)
    return (least, max(0, known.max() ?? 0) / 2 - least / 2)
  }

  /// Characters of a name that the left side of a picture has room for.
  private static let longestName = 27

  /// Whole numbers as counts; shares and scores with the digits that tell them apart.
  private static func figure(_ value: Double) -> String {
    abs(value) < 1000 && value != value.rounded() && value.isFinite ? Figures.short(value) : Figures.count(value)
  }
}

/// How often values fall into each of equal bins.
struct Histogram {
  let low: Double
  let high: Double
  let counts: [Int]
  /// Values that are no numbers.
  let lost: Int

  init(_ values: [Double], bins: Int) {
    let known = values.filter(\.isFinite)
    lost = values.count - known.count
    let least = known.min() ?? 0, greatest = known.max() ?? 0
    low = least
    high = greatest > least ? greatest : least + 1
    var counts = [Int](repeating: 0, count: bins)
    // Half the width at a time: the whole may be beyond what a number can say.
    let width = high / 2 - low / 2
    for value in known {
      let share = (value / 2 - low / 2) / width
      counts[min(bins - 1, max(0, Int(share * Double(bins))))] += 1
    }
    self.counts = counts
  }

  /// Columns of blocks, eight steps to a character.
  func text(rows: Int, title: String) -> String {
    let largest = max(1, counts.max() ?? 1)
    var lines = title.isEmpty ? [] : [title]
    for row in (0..<rows).reversed() {
      let body = counts.map { count -> Character in
        let eighths = Int((Double(count) / Double(largest) * Double(rows) * 8).rounded(.up)) - row * 8
        if eighths <= 0 { return " " }
        return Unicode.Scalar(UInt32(0x2580 + min(8, eighths))).map(Character.init) ?? "█"
      }
      lines.append(Terminal.coloured(String(body), Picture.Color.series[0]))
    }
    let first = Figures.short(low), last = Figures.short(high)
    lines.append(first + String(repeating: " ", count: max(1, counts.count - first.count - last.count)) + last)
    lines.append("\(counts.reduce(0, +)) values, at most \(largest) to a bin" + (lost > 0 ? "; \(lost) are no finite numbers" : ""))
    return lines.joined(separator: "\n")
  }

  func picture(title: String) -> Picture {
    var picture = Picture(width: 640, height: 300)
    if !title.isEmpty { picture.text(title, 20, 24, size: 15, color: .ink) }
    let base = 260.0, largest = Double(max(1, counts.max() ?? 1)), step = 600 / Double(counts.count)
    for (index, count) in counts.enumerated() where count > 0 {
      let height = Double(count) / largest * 210
      picture.rectangle(20 + Double(index) * step, base - height, max(0.5, step - 0.5), height, Picture.Color.series[0])
    }
    picture.line([.init(20, base), .init(620, base)], .soft, width: 1)
    picture.text(Figures.short(low), 20, base + 20)
    picture.text(Figures.short(high), 620, base + 20, .end)
    if low < 0, high > 0 { picture.text("0", 20 + 600 * (-low / (high - low)), base + 20, .middle) }
    return picture
  }
}

/// A matrix as shades.
struct HeatMap {
  let rows: Int
  let columns: Int
  let values: [Double]
  var title = ""

  /// Every cell's place between the least and the greatest value, nil for what is no number.
  private var shares: [Double?] {
    let known = values.filter(\.isFinite)
    guard let low = known.min(), let high = known.max() else { return values.map { _ in nil } }
    return values.map { $0.isFinite ? (high > low ? ($0 / 2 - low / 2) / (high / 2 - low / 2) : 0.5) : nil }
  }

  /// A smaller matrix whose cells are means of at most so many rows and columns.
  private func reduced(rows most: Int, columns widest: Int) -> HeatMap {
    let rowStep = (rows + most - 1) / most, columnStep = (columns + widest - 1) / widest
    guard rowStep > 1 || columnStep > 1 else { return self }
    let newRows = (rows + rowStep - 1) / rowStep, newColumns = (columns + columnStep - 1) / columnStep
    var means: [Double] = []
    for row in 0..<newRows {
      for column in 0..<newColumns {
        var sum = 0.0, count = 0
        for y in (row * rowStep)..<min(rows, (row + 1) * rowStep) {
          for x in (column * columnStep)..<min(columns, (column + 1) * columnStep) {
            sum += values[y * columns + x]
            count += 1
          }
        }
        means.append(sum / Double(count))
      }
    }
    return HeatMap(rows: newRows, columns: newColumns, values: means, title: title)
  }

  /// Two characters to a cell, coloured where the terminal can, else five shades.
  func text(columns width: Int) -> String {
    guard rows > 0, columns > 0 else { return "nothing to draw" }
    let small = reduced(rows: 48, columns: max(4, width / 2))
    let shades: [Character] = [" ", "░", "▒", "▓", "█"]
    let shares = small.shares
    var lines = title.isEmpty ? [] : [title]
    for row in 0..<small.rows {
      lines.append(
        (0..<small.columns).map { column -> String in
          guard let share = shares[row * small.columns + column] else { return "??" }
          if Terminal.isColoured { return Terminal.coloured("  ", .shade(share), background: true) }
          return String(repeating: shades[min(4, Int(share * 5))], count: 2)
        }.joined())
    }
    let known = values.filter(\.isFinite)
    if let low = known.min(), let high = known.max() {
      let note = small.rows < rows || small.columns < columns ? ", cells are means" : ""
      lines.append("\(rows) x \(columns), \(Figures.short(low)) to \(Figures.short(high))\(note)")
    }
    return lines.joined(separator: "\n")
  }

  func picture() -> Picture {
    let small = reduced(rows: 256, columns: 256)
    let cell = min(40, 600 / Double(max(1, max(small.rows, small.columns))))
    let top = title.isEmpty ? 20.0 : 40.0
    var picture = Picture(
      width: max(200, cell * Double(small.columns) + 40), height: top + cell * Double(small.rows) + 40)
    if !title.isEmpty { picture.text(title, 20, 26, size: 15, color: .ink) }
    for (index, share) in small.shares.enumerated() {
      let x = 20 + Double(index % small.columns) * cell, y = top + Double(index / small.columns) * cell
      picture.rectangle(x, y, cell, cell, share.map { .shade($0) } ?? .grid)
      // What is no number is crossed out.
      if share == nil { picture.line([.init(x, y + cell), .init(x + cell, y)], .soft, width: 1) }
    }
    let known = values.filter(\.isFinite)
    if let low = known.min(), let high = known.max() {
      let crossed = known.count < values.count ? "; crossed: no number" : ""
      picture.text("\(Figures.short(low)) (light) to \(Figures.short(high))\(crossed)", 20, picture.height - 14)
    }
    return picture
  }
}
