import Compression
import Graph
import LuaBridge
import Support

/// Looking at models: the table by parts, bars by layer, the graph as a picture.
enum ModelPictures {
  static var methods: [Function] {
    [
      Function("m:summary", "The layers as a table, indented by the parts of their names, with sums for each part", example: "print(m:summary())") { call in
        call.lua.push(try tree(call.receiver(ModelHandle.self).model))
        return 1
      },
      Function(
        "m:bars", [.choice("what", among: ["parameters", "nonzeros", "macs", "bytes"], optional: true)],
        options: [.string("path", optional: true, doc: "An .svg or .png file; default: the terminal")],
        "Draws what each layer costs", example: "m:bars(\"macs\")"
      ) { call in
        let model = try call.receiver(ModelHandle.self).model
        let what = call.isOptions(1) ? "macs" : try call.optionalString(1) ?? "macs"
        let options = try call.isOptions(1) ? call.options(at: 1) : call.options()
        let value: (Layer) -> Int
        switch what {
        case "parameters": value = \.parameters
        case "nonzeros": value = \.nonzeros
        case "macs": value = \.macs
        case "bytes": value = \.bytes
        default: throw call.refused(1)
        }
        let bars = try model.layers().map { (name: $0.name, value: Double(value($0))) }.filter { $0.value > 0 }
        try PlotFunctions.show(BarChart(bars: bars, title: "\(what) of each layer"), options, call)
        return 0
      },
      Function(
        "m:graph", [.string("path", doc: "An .svg or .png file")], "Draws the layers and how they are wired", example: "m:graph(\"g.svg\")"
      ) { call in
        let model = try call.receiver(ModelHandle.self).model
        try graph(model).write(to: call.environment.writable(call.string(1)), in: "m:graph")
        return 0
      },
    ]
  }

  // MARK: Table

  /// A part of the names' tree: `layer1`, `layer1.0`.
  private final class Part {
    let name: String
    var layers: [(name: String, layer: Layer)] = []
    var order: [(part: Part?, layer: Int)] = []
    var parts: [String: Part] = [:]
    init(_ name: String) { self.name = name }

    var all: [Layer] { order.flatMap { $0.part?.all ?? [layers[$0.layer].layer] } }
  }

  static func tree(_ model: Model) throws -> String {
    let root = Part("")
    for layer in try model.layers() {
      var place = root
      let words = layer.name.split(separator: ".").map(String.init)
      for word in words.dropLast() {
        if let next = place.parts[word] {
          place = next
        } else {
          let next = Part(word)
          place.parts[word] = next
          place.order.append((next, 0))
          place = next
        }
      }
      place.layers.append((words.last ?? layer.name, layer))
      place.order.append((nil, place.layers.count - 1))
    }
    let header = ["layer", "op", "output", "parameters", "nonzeros", "MACs", "bytes", "stored as"]
    var rows = [header]
    func figures(_ layers: [Layer]) -> [String] {
      [\Layer.parameters, \Layer.nonzeros, \Layer.macs, \Layer.bytes].map { key in layers.reduce(0) { $0 &+ $1[keyPath: key] }.grouped }
    }
    func add(_ part: Part, _ depth: Int) {
      let indent = String(repeating: "  ", count: depth)
      for item in part.order {
        if let inner = item.part {
          rows.append([indent + inner.name, "", ""] + figures(inner.all) + [""])
          add(inner, depth + 1)
        } else {
          let (name, layer) = part.layers[item.layer]
          let shape = layer.shape.isEmpty ? "?" : layer.shape.map(\.description).joined(separator: "x")
          rows.append([indent + name, layer.op, shape] + figures([layer]) + [layer.representation])
        }
      }
    }
    add(root, 0)
    rows.append(["total", "", ""] + figures(root.all) + [""])
    let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        line += ((3...6).contains(column) ? space + cell : cell + space) + "  "
      }
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }

  // MARK: Graph

  /// Layers from top to bottom by their longest way from an input, side by side where that is the same.
  static func graph(_ model: Model) throws -> Picture {
    let layers = try model.layers()
    guard layers.count <= 2000 else {
      throw PareError(.limit, "m:graph: \(layers.count) layers", expected: "at most 2000 in a picture", suggestion: "cut a part out: m:cut{from=, to=}")
    }
    var maker: [String: Int] = [:]
    for (index, layer) in layers.enumerated() { for output in layer.outputs where !output.isEmpty { maker[output] = index } }
    var level = [Int](repeating: 0, count: layers.count)
    var wires: [(from: Int?, to: Int)] = []
    let inputs = Set(model.inputs.map(\.name))
    for (index, layer) in layers.enumerated() {
      for input in layer.inputs {
        if let from = maker[input] {
          level[index] = max(level[index], level[from] + 1)
          wires.append((from, index))
        } else if inputs.contains(input) {
          wires.append((nil, index))
        }
      }
    }
    var rows: [[Int]] = []
    for (index, place) in level.enumerated() {
      while rows.count <= place { rows.append([]) }
      rows[place].append(index)
    }
    let box = (width: 170.0, height: 40.0), gap = (x: 26.0, y: 26.0)
    let widest = Double(rows.map(\.count).max() ?? 1)
    let width = widest * (box.width + gap.x) + gap.x + 60
    var picture = Picture(width: width, height: Double(rows.count + 1) * (box.height + gap.y) + gap.y)
    var centers = [Picture.Point](repeating: .init(0, 0), count: layers.count)
    for (place, row) in rows.enumerated() {
      let total = Double(row.count) * (box.width + gap.x) - gap.x
      for (position, index) in row.enumerated() {
        centers[index] = .init(
          (width - total) / 2 + Double(position) * (box.width + gap.x) + box.width / 2,
          gap.y + Double(place + 1) * (box.height + gap.y) + box.height / 2)
      }
    }
    let top = Picture.Point(width / 2, gap.y + box.height / 2)
    for wire in wires {
      let from = wire.from.map { centers[$0] } ?? top, to = centers[wire.to]
      let start = Picture.Point(from.x, from.y + box.height / 2), end = Picture.Point(to.x, to.y - box.height / 2)
      // A wire that passes over rows goes around the boxes between them.
      let rows = (end.y - start.y) / (box.height + gap.y)
      if rows > 1 {
        let side = max(from.x, to.x) + box.width / 2 + 14
        picture.line([start, .init(side, start.y + 12), .init(side, end.y - 12), end], .soft, width: 1.2)
      } else {
        picture.line([start, end], .soft, width: 1.2)
      }
      picture.line([.init(end.x - 4, end.y - 6), end, .init(end.x + 4, end.y - 6)], .soft, width: 1.2)
    }
    picture.text(model.inputs.map { "\($0.name) \($0.type)" }.joined(separator: ", "), top.x, top.y + box.height / 2 - 4, .middle, color: .ink)
    let most = Double(layers.map(\.macs).max() ?? 0)
    for (index, layer) in layers.enumerated() {
      let x = centers[index].x - box.width / 2, y = centers[index].y - box.height / 2
      // The darker a box, the more it computes.
      let share = most > 0 ? Double(layer.macs) / most : 0
      picture.rectangle(x, y, box.width, box.height, .grid)
      picture.rectangle(x + 1, y + 1, box.width - 2, box.height - 2, layer.macs > 0 ? .shade(0.1 + share * 0.55) : .ground)
      let name = layer.name.count > 22 ? "..." + layer.name.suffix(19) : layer.name
      picture.text(name, centers[index].x, y + 17, .middle, size: 12, color: share > 0.6 ? .ground : .ink)
      let shape = layer.shape.map(\.description).joined(separator: "x")
      picture.text("\(layer.op) \(shape)", centers[index].x, y + 32, .middle, size: 10, color: share > 0.6 ? .grid : .soft)
    }
    return picture
  }
}
