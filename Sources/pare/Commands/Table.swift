/// A plain table for the terminal: left-aligned words, right-aligned numbers.
struct Table {
  private var rows: [[String]]
  private let numeric: Set<Int>

  /// - Parameter numeric: columns, from 0, whose cells are aligned to the right.
  init(_ header: [String], numeric: Set<Int>) {
    rows = [header]
    self.numeric = numeric
  }

  mutating func add(_ cells: [String]) { rows.append(cells) }

  var text: String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return numeric.contains(column) ? space + cell : cell + space
      }
      let line = cells.joined(separator: "  ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }
}

/// Numbers as people read them.
enum Format {
  /// Groups of three digits: 1,234,567.
  static func count(_ value: Int) -> String {
    var digits = Array(String(value.magnitude))
    for index in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: index) }
    return (value < 0 ? "-" : "") + String(digits)
  }

  static func decimal(_ value: Double, _ places: Int) -> String {
    guard value.isFinite, value.magnitude < 1e15 else { return "\(value)" }
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let scaled = Int((value.magnitude * scale).rounded())
    let whole = scaled / Int(scale)
    let sign = value < 0 && scaled != 0 ? "-" : ""
    guard places > 0 else { return sign + "\(whole)" }
    let fraction = String(scaled % Int(scale))
    return sign + "\(whole)." + String(repeating: "0", count: places - fraction.count) + fraction
  }
}
