import Compression
import Graph
import LuaBridge
import Support
import Tensor

/// `correlate`: do criteria rank the weights alike?
enum Correlation {
  static let function = Function(
    "correlate", [.model("model"), .list("criteria", doc: "Names of criteria, or {\"name\", parameter=...}")],
    options: [
      .table("data", optional: true, doc: "A data set, for criteria that need gradients or activations"),
      .integer("seed", default: 0, in: 0...), .integer("samples", default: 256, in: 1..., doc: "Calibration samples"),
    ],
    "The rank correlation (Spearman) of criteria over the weights of each layer, averaged over layers; 1 is the same order",
    example: "print(correlate(m, {\"magnitude\", \"taylor\", \"random\"}, {data=d}))"
  ) { call in
    let model = try call.model(1)
    let (options, raw) = try call.options(raw: ["data"])
    let data = try raw["data"].map { try DataTypes.dataset($0, in: "correlate") }
    let spec = ParameterSpec.entry("criteria", kind: .criterion)
    let entry = Entry(name: "correlate", summary: "", parameters: [spec])
    let criteria = try call.table(2).list.map { item in
      let value = try Conversion.value(item, call.environment)
      let arguments = try Arguments(entry, ["criteria": value])
      return (name: value.asString ?? value.source, criterion: try arguments.entry("criteria", as: (any ImportanceCriterion).self))
    }
    guard criteria.count >= 2 else {
      throw PareError(.argument, "correlate: criteria", argument: "criteria", expected: "at least two", got: "\(criteria.count)")
    }
    let needs = criteria.reduce(into: Statistics()) { $0.formUnion($1.criterion.needs) }
    let context = try Context(model, data: data, seed: UInt64(options.integer("seed")), method: "correlate", needs: needs)
    let layers = needs.isEmpty ? try model.layerViews() : try context.calibrate(model, options.integer("samples"))
    var sums = [[Double]](repeating: [Double](repeating: 0, count: criteria.count), count: criteria.count)
    var counts = sums
    for layer in layers {
      try Interrupt.check()
      let ranks = try criteria.map { one in
        try Correlation.ranks(of: one.criterion.score(layer, context).detached().scalars())
      }
      for a in criteria.indices {
        for b in criteria.indices where ranks[a].count == ranks[b].count && ranks[a].count > 1 {
          guard let value = pearson(ranks[a], ranks[b]) else { continue }
          sums[a][b] += value
          counts[a][b] += 1
        }
      }
    }
    let names = criteria.map(\.name)
    let state = call.state
    let table = state.table()
    var rows = [[""] + names]
    for (a, name) in names.enumerated() {
      let row = state.table()
      var cells = [name]
      for (b, other) in names.enumerated() {
        guard counts[a][b] > 0 else {
          cells.append("-")
          continue
        }
        let mean = sums[a][b] / counts[a][b]
        try row.set(other, .number(mean))
        cells.append(Figures.fixed(mean, 3))
      }
      try table.set(name, .table(row))
      rows.append(cells)
    }
    return try call.push(Tables.described(.table(table), Text.columns(rows), state))
  }

  /// Ranks from 1; equal values share the mean of theirs.
  static func ranks(of values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
      var end = start
      while end + 1 < order.count, values[order[end + 1]] == values[order[start]] { end += 1 }
      for place in start...end { ranks[order[place]] = Double(start + end) / 2 + 1 }
      start = end + 1
    }
    return ranks
  }

  /// Nil where one side does not vary.
  static func pearson(_ a: [Double], _ b: [Double]) -> Double? {
    let count = Double(a.count)
    let meanA = a.reduce(0, +) / count, meanB = b.reduce(0, +) / count
    var product = 0.0, squareA = 0.0, squareB = 0.0
    for (x, y) in zip(a, b) {
      product += (x - meanA) * (y - meanB)
      squareA += (x - meanA) * (x - meanA)
      squareB += (y - meanB) * (y - meanB)
    }
    let scale = (squareA * squareB).squareRoot()
    return scale > 0 ? product / scale : nil
  }
}
