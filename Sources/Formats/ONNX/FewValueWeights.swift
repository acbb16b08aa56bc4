import Graph
import Support
import Tensor

/// Weights of few values in ONNX: tables that a Gather reads, and integers whose scales are shared in groups.
extension GraphExport {
  /// Adds integers in groups. From opset 21 on DequantizeLinear knows blocks; before, groups of whole rows are rows of their
  /// own that a Reshape joins; what neither can say goes out as floats.
  mutating func addGrouped(_ name: String, _ value: IntegerRepresentation, _ axis: Int, _ group: Int) throws {
    let rows = value.shape[axis], inner = value.shape[1 - axis]
    let isBlocked = model.opset >= 21
    guard isBlocked || (axis == 0 && inner % group == 0 && rows > 0 && inner > 0) else {
      graph.initializer.append(try tensor(value.dense(), name))
      return
    }
    let values = isBlocked ? value.values : try value.values.reshaped([rows * (inner / group), group])
    func grid(_ tensor: Tensor) throws -> Tensor { isBlocked ? tensor : try tensor.reshaped([tensor.count]) }
    let integers = unique("\(name)_quantized"), scale = unique("\(name)_scale"), zero = unique("\(name)_zero_point")
    graph.initializer.append(try tensor(values, integers))
    graph.initializer.append(try tensor(grid(value.scales), scale))
    graph.initializer.append(try tensor(grid(value.zeroPoints), zero))
    let output = isBlocked ? name : unique("\(name)_groups")
    graph.node.append(
      try node(
        Node(
          name: unique("\(name)_DequantizeLinear"), op: "DequantizeLinear", inputs: [integers, scale, zero], outputs: [output],
          attributes: isBlocked ? ["axis": .int(1 - axis), "block_size": .int(group)] : ["axis": .int(0)])))
    guard !isBlocked else { return }
    let shape = unique("\(name)_shape")
    graph.initializer.append(try tensor(Tensor([Int64(rows), Int64(inner)], shape: [2]), shape))
    graph.node.append(try node(Node(name: unique("\(name)_Reshape"), op: "Reshape", inputs: [output, shape], outputs: [name])))
  }

  /// Adds a table and a code for each element.
  mutating func addCodebook(_ name: String, _ value: CodebookRepresentation) throws {
    var table = try value.table.values(as: Float.self), codes = try value.codes.values(as: UInt8.self)
    if let kept = try value.kept?.values(as: Bool.self) {
      guard let zero = table.firstIndex(of: 0) ?? (table.count < 256 ? table.count : nil) else {
        graph.initializer.append(try tensor(value.dense(), name))
        return
      }
      if zero == table.count { table.append(0) }
      for index in codes.indices where !kept[index] { codes[index] = UInt8(zero) }
    }
    try addTable(name, table, codes, value.shape, output: name)
  }

  /// Adds -1, 0 and 1 as a table and codes, times the scales.
  mutating func addScaledTable(_ name: String, _ codes: [UInt8], _ shape: Shape, scales: Tensor, axis: Int?) throws {
    let units = unique("\(name)_units"), factor = unique("\(name)_scale")
    try addTable(name, [-1, 0, 1], codes, shape, output: units)
    let sizes = (0..<shape.rank).map { $0 == axis ? shape[$0] : 1 }
    graph.initializer.append(try tensor(scales.reshaped(Shape(sizes)), factor))
    graph.node.append(try node(Node(name: unique("\(name)_Mul"), op: "Mul", inputs: [units, factor], outputs: [name])))
  }

  private mutating func addTable(_ name: String, _ table: [Float], _ codes: [UInt8], _ shape: Shape, output: String) throws {
    let entries = unique("\(name)_table"), bytes = unique("\(name)_codes"), places = unique("\(name)_places")
    graph.initializer.append(try tensor(Tensor(table, shape: Shape([table.count])), entries))
    graph.initializer.append(try tensor(Tensor(codes, shape: shape), bytes))
    // Gather takes no bytes: 6 is INT32.
    graph.node.append(
      try node(Node(name: unique("\(name)_Cast"), op: "Cast", inputs: [bytes], outputs: [places], attributes: ["to": .int(6)])))
    graph.node.append(try node(Node(name: unique("\(name)_Gather"), op: "Gather", inputs: [entries, places], outputs: [output])))
  }
}
