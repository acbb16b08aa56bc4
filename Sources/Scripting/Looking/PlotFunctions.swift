import Compression
import Graph
import LuaBridge
import Support
import Tensor

/// `plot`, `hist`, `heat`, `bars`: pictures in the terminal, or in an .svg or .png file.
enum PlotFunctions {
  private static let path = ParameterSpec.string("path", optional: true, doc: "An .svg or .png file; default: the terminal")
  private static let title = ParameterSpec.string("title", default: "", doc: "Stands above the picture")

  static var all: [Function] {
    [
      Function(
        "plot", [.table("values", doc: "A list or a tensor of numbers, lists by name, or records such as a training's history")],
        options: [
          title, path, .string("x", optional: true, doc: "Name of the axis; of records the field that stands for it"),
          .list("y", optional: true, doc: "Of records: the fields to draw; default all numbers"),
          .choice("kind", among: ["line", "points"], default: "line"), .boolean("log", default: false, doc: "Logarithmic upwards"),
          .integer("width", in: 20...500, optional: true, doc: "Characters across; default the terminal's"),
          .integer("height", default: 16, in: 4...200, doc: "Characters down"),
        ], "Draws numbers as lines or points", example: "plot(history, {x=\"epoch\", y={\"loss\", \"validation_loss\"}, path=\"loss.svg\"})",
        plot),
      Function(
        "hist", [.tensor("values", doc: "A tensor or a list of numbers")],
        options: [title, path, .integer("bins", in: 1...10_000, optional: true, doc: "Default: 72, in a file 100"), .integer("height", default: 8, in: 1...200)],
        "Draws how often values occur", example: "hist(m.parameters[\"conv1.weight\"])"
      ) { call in
        let values = try numbers(call.value(1), "hist: values")
        let options = try call.options()
        guard !values.isEmpty else { throw PareError(.argument, "hist: values", argument: "values", expected: "at least one number", got: "none") }
        let path = try options.optionalString("path")
        let fitting = path == nil ? min(72, max(10, Terminal.columns - 2)) : 100
        let histogram = Histogram(values, bins: try options.optionalInteger("bins") ?? fitting)
        let title = try options.string("title")
        guard let path else {
          print(histogram.text(rows: try options.integer("height"), title: title))
          return 0
        }
        try histogram.picture(title: title).write(to: call.environment.writable(path), in: "hist")
        return 0
      },
      Function(
        "heat", [.tensor("matrix", doc: "A tensor of two axes, or a list of rows")], options: [title, path],
        "Draws a matrix as shades", example: "heat(d.test:evaluate(m).confusion)"
      ) { call in
        let tensor = try matrix(call)
        guard tensor.rank == 2 else {
          throw PareError(.shape, "heat: matrix", argument: "matrix", expected: "two axes", got: "\(tensor.shape.dimensions)")
        }
        let options = try call.options()
        let map = HeatMap(
          rows: tensor.shape[0], columns: tensor.shape[1], values: try tensor.detached().scalars(), title: try options.string("title"))
        guard let path = try options.optionalString("path") else {
          print(map.text(columns: min(160, Terminal.columns)))
          return 0
        }
        try map.picture().write(to: call.environment.writable(path), in: "heat")
        return 0
      },
      Function(
        "bars", [.table("values", doc: "Numbers by name, or a list of numbers")], options: [title, path],
        "Draws numbers as bars", example: "bars{magnitude=0.94, random=0.35}"
      ) { call in
        let table = try call.table(1)
        var bars = try table.list.enumerated().map { ("\($0.offset + 1)", try number($0.element, "bars: values")) }
        bars += try table.fields.map { ($0.key, try number($0.value, "bars: \($0.key)")) }
        let options = try call.options()
        try show(BarChart(bars: bars, title: try options.string("title")), options, call)
        return 0
      },
    ]
  }

  static func show(_ chart: BarChart, _ options: Arguments, _ call: Call) throws {
    guard let path = try options.optionalString("path") else { return print(chart.text(columns: min(120, Terminal.columns))) }
    try chart.picture().write(to: call.environment.writable(path), in: call.function.name)
  }

  // MARK: plot

  private static func plot(_ call: Call) throws -> Int {
    let options = try call.options()
    let wanted = try options.optionalStrings("y"), x = try options.optionalString("x")
    var chart = LineChart(series: try series(call, x: x, y: wanted))
    chart.title = try options.string("title")
    chart.xName = x ?? ""
    chart.yName = chart.series.count == 1 ? chart.series[0].name : ""
    chart.isPoints = try options.string("kind") == "points"
    chart.logarithmic = try options.boolean("log")
    guard let path = try options.optionalString("path") else {
      print(chart.text(columns: try options.optionalInteger("width") ?? min(100, Terminal.columns), rows: try options.integer("height")))
      return 0
    }
    guard let picture = chart.picture() else {
      throw PareError(.argument, "plot: values", argument: "values", expected: "at least one finite number", got: "none")
    }
    try picture.write(to: call.environment.writable(path), in: "plot")
    return 0
  }

  private static func series(_ call: Call, x: String?, y: [String]?) throws -> [LineChart.Series] {
    func line(_ name: String, _ values: [Double]) -> LineChart.Series {
      LineChart.Series(name: name, points: values.enumerated().map { (Double($0.offset + 1), $0.element) })
    }
    guard case .table(let table) = call.value(1) else { return [line("", try numbers(call.value(1), "plot: values"))] }
    let items = try table.list
    // Records: one line for each field that holds numbers.
    if case .table(let first)? = items.first {
      let fields = try first.fields.filter { (try? number($0.value, $0.key)) != nil }.map(\.key)
      func known(_ name: String, _ argument: String) throws {
        guard !fields.contains(name) else { return }
        throw PareError(
          .argument, "plot: the records have no number '\(name)'", argument: argument, expected: fields.joined(separator: ", "),
          suggestion: Suggestion.didYouMean(name, among: fields))
      }
      guard !fields.isEmpty else {
        throw PareError(
          .argument, "plot: values", argument: "values", expected: "numbers, or records with numbers by name, {epoch=1, loss=0.5}",
          got: "a list of tables without such numbers", suggestion: "two lists are one line: plot{x={1, 2}, y={3, 4}}")
      }
      if let x { try known(x, "x") }
      let names = y ?? fields.filter { $0 != x }
      return try names.map { name in
        try known(name, "y")
        var points: [(x: Double, y: Double)] = []
        for (index, item) in items.enumerated() {
          guard case .table(let record) = item else { continue }
          guard let value = try? number(record[key: name], name) else { continue }
          let place = try x.map { try number(record[key: $0], "plot: field '\($0)' of record \(index + 1)") } ?? Double(index + 1)
          points.append((place, value))
        }
        return LineChart.Series(name: name, points: points)
      }
    }
    if items.isEmpty {
      let named = try table.fields
      // Two lists called x and y are one line.
      if named.map(\.key) == ["x", "y"] {
        let xs = try numbers(table[key: "x"], "plot: x"), ys = try numbers(table[key: "y"], "plot: y")
        guard xs.count == ys.count else {
          throw PareError(.shape, "plot: x and y", argument: "y", expected: "\(xs.count) numbers, as x has", got: "\(ys.count)")
        }
        return [LineChart.Series(name: "", points: Array(zip(xs, ys)).map { (x: $0.0, y: $0.1) })]
      }
      guard !named.isEmpty else { throw PareError(.argument, "plot: values", argument: "values", expected: "numbers", got: "an empty table") }
      return try named.map { line($0.key, try numbers($0.value, "plot: \($0.key)")) }
    }
    return [line("", try numbers(.table(table), "plot: values"))]
  }

  // MARK: Numbers

  static func number(_ value: LuaValue, _ what: String) throws -> Double {
    switch value {
    case .number(let number): return number
    case .integer(let number): return Double(number)
    case .object(let object):
      if let handle = try object.object(as: TensorHandle.self), handle.value.count == 1 { return try handle.value.detached().item() }
    default: break
    }
    throw PareError(.argument, what, argument: "values", expected: "a number", got: value.typeName)
  }

  /// The elements of a tensor in order, or the numbers of a list.
  static func numbers(_ value: LuaValue, _ what: String) throws -> [Double] {
    switch value {
    case .object(let object):
      if let handle = try object.object(as: TensorHandle.self) { return try handle.value.detached().scalars() }
    case .table(let table): return try table.list.map { try number($0, what) }
    default: break
    }
    throw PareError(.argument, what, argument: "values", expected: "a tensor or a list of numbers", got: value.typeName)
  }

  private static func matrix(_ call: Call) throws -> Tensor {
    if let handle: TensorHandle = call.handle(1) { return handle.value }
    guard call.isOptions(1) else { throw call.refused(1, expected: "a tensor of two axes or a list of rows") }
    let numbers = try call.lua.numbers(1, name: "heat: matrix") { try TensorHandle.scalar(call.lua, $0) }
    return try Tensor(numbers.values, shape: Shape(numbers.shape))
  }
}
