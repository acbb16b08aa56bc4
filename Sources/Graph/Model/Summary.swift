import Support
import Tensor

extension Model: CustomStringConvertible {
  public var description: String {
    "model of \(nodes.count) layers, \(parameters.values.reduce(0) { $0 + ($1.isTrainable ? $1.shape.count : 0) }) parameters"
  }

  /// Returns a table of layers with shapes, parameters, multiply-accumulates, bytes and representation, and the totals.
  public func summary() throws -> String {
    let header = ["layer", "op", "output", "parameters", "nonzeros", "MACs", "bytes", "stored as"]
    let layers = try layers()
    var rows = layers.map { layer in
      [
        layer.name, layer.op, layer.shape.isEmpty ? "?" : layer.shape.map(\.description).joined(separator: "x"),
        layer.parameters.grouped, layer.nonzeros.grouped, layer.macs.grouped, layer.bytes.grouped, layer.representation,
      ]
    }
    let total = try hasInputShape ? cost() : storageCost()
    rows.append([
      "total", "", "", total.parameters.grouped, total.nonzeros.grouped, hasInputShape ? total.macs.grouped : "?",
      total.bytes.grouped, "",
    ])
    let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
    func line(_ cells: [String]) -> String {
      var text = ""
      for (column, cell) in cells.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        text += ((3...6).contains(column) ? padding + cell : cell + padding) + "  "
      }
      while text.last == " " { text.removeLast() }
      return text
    }
    return ([line(header)] + rows.map(line)).joined(separator: "\n")
  }
}

extension Int {
  /// Digits in groups of three: `1,234,567`.
  package var grouped: String {
    var text = ""
    for (place, digit) in String(magnitude).reversed().enumerated() {
      if place > 0 && place % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return (self < 0 ? "-" : "") + String(text.reversed())
  }
}
