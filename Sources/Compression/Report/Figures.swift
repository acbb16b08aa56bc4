import Glibc
import Graph

/// Numbers as people read them. One place, so that terminal, HTML and tables say the same.
package enum Figures {
  /// `digits` decimals, rounded to nearest.
  package static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    guard abs(value) < 1e15 else { return "\(value)" }
    let scale = pow(10, Double(digits))
    let scaled = Int((abs(value) * scale).rounded())
    let sign = value < 0 && scaled != 0 ? "-" : ""
    guard digits > 0 else { return sign + String(scaled) }
    let whole = scaled / Int(scale), rest = String(scaled % Int(scale))
    return "\(sign)\(whole)." + String(repeating: "0", count: digits - rest.count) + rest
  }

  /// Three significant digits and a unit: `1.23 M`.
  private static func scaled(_ value: Double, _ units: [String], exactBelow: Double) -> String {
    if abs(value) < exactBelow { return join(Value.text(of: value.rounded()), units[0]) }
    var value = value, unit = 0
    while abs(value) >= 999.5, unit + 1 < units.count {
      value /= 1000
      unit += 1
    }
    return join(fixed(value, abs(value) >= 99.95 ? 0 : abs(value) >= 9.995 ? 1 : 2), units[unit])
  }

  private static func join(_ number: String, _ unit: String) -> String { unit.isEmpty ? number : "\(number) \(unit)" }

  package static func bytes(_ value: Double) -> String { scaled(value, ["B", "kB", "MB", "GB", "TB"], exactBelow: 1000) }
  package static func count(_ value: Double) -> String { scaled(value, ["", "k", "M", "G", "T"], exactBelow: 1000) }
  package static func percent(_ fraction: Double) -> String { fixed(fraction * 100, 2) + "%" }

  package static func milliseconds(_ value: Double) -> String {
    value < 1 ? fixed(value * 1000, value < 0.1 ? 1 : 0) + " µs" : fixed(value, value < 10 ? 2 : 1) + " ms"
  }

  package static func seconds(_ value: Double) -> String {
    value < 60 ? fixed(value, value < 10 ? 1 : 0) + " s" : "\(Int(value) / 60) min \(Int(value) % 60) s"
  }

  /// How many times smaller: `8.1x`.
  package static func ratio(_ before: Double, _ after: Double) -> String {
    guard before > 0, after > 0 else { return "-" }
    let ratio = before / after
    return fixed(ratio, ratio < 10 ? 2 : 1) + "x"
  }

  package static func decibels(_ value: Double) -> String {
    value >= LayerErrors.exactDecibels ? "exact" : fixed(value, 1) + " dB"
  }

  /// Three significant digits, with an exponent where small.
  package static func short(_ value: Double) -> String {
    if value == 0 { return "0" }
    let exponent = Int(floor(log10(abs(value))))
    if exponent < -3 || exponent > 5 {
      let mantissa = value / pow(10, Double(exponent))
      // 9.99e-5 is 1.0e-4 to one decimal.
      return abs(mantissa) >= 9.95 ? fixed(mantissa / 10, 1) + "e\(exponent + 1)" : fixed(mantissa, 1) + "e\(exponent)"
    }
    return fixed(value, max(0, 2 - exponent))
  }
}

/// Text aligned in columns: the first to the left, the others to the right.
struct TextTable {
  private var rows: [[String]]

  init(_ header: [String]) { rows = [header] }

  mutating func add(_ row: [String]) { rows.append(row) }

  var text: String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        line += column == 0 ? cell + space : "  " + space + cell
      }
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}
