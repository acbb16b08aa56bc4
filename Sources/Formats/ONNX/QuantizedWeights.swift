import Graph
import OrderedCollections
import Support
import Tensor

/// Integer weights: in ONNX an initializer of integers behind a DequantizeLinear with constant scales and zero points.
extension GraphImport {
  /// Replaces each such initializer and node by one integer parameter, called as the node's output.
  ///
  /// A node stays as it is where the parameter could not say the same: blocks, grids that are no parameters or not
  /// f32, scales that are not positive, integers that others read too, an output of the graph.
  func collectQuantized(
    _ initializers: inout OrderedDictionary<String, any Representation>, _ nodes: inout [Node]
  ) throws {
    let uses = ParameterUse.all(in: nodes)
    let outputs = Set(graph.output.map(\.name))
    var collected: [String: (name: String, value: any Representation)] = [:]
    try nodes.removeAll { node in
      guard node.op == "DequantizeLinear", node.domain.isEmpty, node.outputs.count == 1, !outputs.contains(node.outputs[0]),
        initializers[node.outputs[0]] == nil, let integers = node.input(0), uses[integers]?.count == 1,
        !outputs.contains(integers), let value = try representation(node, initializers)
      else { return false }
      collected[integers] = (node.outputs[0], value)
      return true
    }
    let rest = ParameterUse.all(in: nodes)
    var result: OrderedDictionary<String, any Representation> = [:]
    for (name, value) in initializers {
      if let (output, integers) = collected[name] {
        result[output] = integers
      } else if rest[name] != nil || outputs.contains(name) {
        guard !fourBits.contains(name) else {
          throw PareError(.unsupported, "initializer '\(name)' has four-bit integers that are no weights behind a DequantizeLinear")
        }
        // Integers that are no weights are read after all.
        if let unread = value as? UnreadRepresentation, unread.dtype != .f32 {
          result[name] = DenseRepresentation(try unread.dense())
        } else { result[name] = value }
      }
    }
    initializers = result
  }

  private func representation(
    _ node: Node, _ initializers: OrderedDictionary<String, any Representation>
  ) throws -> (any Representation)? {
    func dense(_ index: Int) -> Tensor? {
      node.input(index).flatMap { initializers[$0] as? DenseRepresentation }?.tensor
    }
    let held = dense(0), unread = node.input(0).flatMap { initializers[$0] as? UnreadRepresentation }
    guard let dtype = held?.dtype ?? unread?.dtype, dtype == .i8 || dtype == .u8, let shape = held?.shape ?? unread?.shape, let scales = dense(1), scales.dtype == .f32,
      scales.rank <= 1, try node.int("block_size", default: 0) == 0,
      try scales.values(as: Float.self).allSatisfy({ $0 > 0 && $0.isFinite })
    else { return nil }
    var zeroPoints: Tensor?
    if node.has(2) {
      guard let given = dense(2), given.dtype == dtype, given.count == scales.count else { return nil }
      zeroPoints = given
    }
    var axis: Int?
    if scales.count > 1 {
      let given = try node.int("axis", default: 1)
      let position = given < 0 ? given + shape.rank : given
      guard (0..<shape.rank).contains(position), shape[position] == scales.count else {
        throw PareError(.format, "DequantizeLinear '\(node.name)': \(scales.count) scales do not fit axis \(given)",
                        got: "\(shape.dimensions)", layer: node.name, op: node.op)
      }
      axis = position
    }
    let facts = self.facts.parameters[node.outputs[0]]
    let bits = facts?.bits ?? (fourBits.contains(node.inputs[0]) ? 4 : 8), isNarrow = facts?.isNarrow ?? false
    let integers: @Sendable (Tensor) throws -> IntegerRepresentation = { [zeroPoints, axis] values in
      try IntegerRepresentation(
        values: values, scales: scales, zeroPoints: zeroPoints, axis: axis, bits: bits, isNarrow: isNarrow)
    }
    if let held { return try integers(held) }
    return unread.map { unread in UnreadIntegers(shape) { try integers(unread.dense()) } }
  }
}

extension GraphExport {
  /// Adds an integer parameter as an initializer of eight-bit integers behind a DequantizeLinear that makes `name`.
  mutating func addQuantized(_ name: String, _ value: IntegerRepresentation) throws {
    if options.profile == .tensorrt, !value.isSigned || !value.isSymmetric {
      throw PareError(.unsupported, "profile tensorrt: parameter '\(name)'", argument: name,
                      expected: "signed integers with zero points 0", got: value.isSigned ? "other zero points" : "unsigned")
    }
    if let axis = value.axis, let group = value.group { return try addGrouped(name, value, axis, group) }
    let integers = unique("\(name)_quantized"), scale = unique("\(name)_scale"), zero = unique("\(name)_zero_point")
    graph.initializer.append(try tensor(value.values, integers))
    graph.initializer.append(try tensor(value.scales, scale))
    graph.initializer.append(try tensor(value.zeroPoints, zero))
    var node = Node(
      name: unique("\(name)_DequantizeLinear"), op: "DequantizeLinear", inputs: [integers, scale, zero], outputs: [name])
    if let axis = value.axis { node.attributes["axis"] = .int(axis) }
    graph.node.append(try self.node(node))
  }
}
