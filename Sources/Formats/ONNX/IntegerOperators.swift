import FoundationEssentials
import Graph
import OrderedCollections
import Support
import Tensor

/// Operators on integers with a grid for each operand (QLinearConv and its kind), as QOperator files of quantizers have them.
///
/// Each becomes what it stands for: DequantizeLinear of the operands, the operator on floats, QuantizeLinear of the result.
/// So weights become integer parameters like those of files with QuantizeLinear and DequantizeLinear, and sessions put the
/// parts together again.
extension GraphImport {
  /// Where an operator's inputs stand.
  private struct Form {
    let op: String
    /// Positions of operands; each is followed by its scale and zero point.
    let operands: [Int]
    /// Position of the result's scale, followed by its zero point.
    let result: Int
    /// Position of a bias in i32, whose scale is the product of the operands' scales.
    var bias: Int?
  }

  private static func form(_ node: Node) -> Form? {
    switch (node.domain, node.op) {
    case ("", "QLinearConv"): Form(op: "Conv", operands: [0, 3], result: 6, bias: 8)
    case ("", "QLinearMatMul"): Form(op: "MatMul", operands: [0, 3], result: 6)
    case ("com.microsoft", "QLinearAdd"): Form(op: "Add", operands: [0, 3], result: 6)
    case ("com.microsoft", "QLinearMul"): Form(op: "Mul", operands: [0, 3], result: 6)
    case ("com.microsoft", "QGemm"): Form(op: "Gemm", operands: [0, 3], result: 7, bias: 6)
    case ("com.microsoft", "QLinearSigmoid"): Form(op: "Sigmoid", operands: [0], result: 3)
    case ("com.microsoft", "QLinearLeakyRelu"): Form(op: "LeakyRelu", operands: [0], result: 3)
    case ("com.microsoft", "QLinearSoftmax"): Form(op: "Softmax", operands: [0], result: 3)
    case ("com.microsoft", "QLinearAveragePool"): Form(op: "AveragePool", operands: [0], result: 3)
    case ("com.microsoft", "QLinearGlobalAveragePool"): Form(op: "GlobalAveragePool", operands: [0], result: 3)
    case ("com.microsoft", "QLinearConcat"):
      Form(op: "Concat", operands: Array(stride(from: 2, to: node.inputs.count, by: 3)), result: 0)
    default: nil
    }
  }

  /// Replaces every such node.
  func expandIntegerOperators(
    _ initializers: inout OrderedDictionary<String, any Representation>, _ nodes: inout [Node]
  ) throws {
    guard nodes.contains(where: { Self.form($0) != nil }) else { return }
    var used = Set(initializers.keys).union(nodes.flatMap { $0.inputs + $0.outputs + [$0.name] })
    func unique(_ name: String) -> String {
      var candidate = name, count = 1
      while !used.insert(candidate).inserted {
        candidate = "\(name)_\(count)"
        count += 1
      }
      return candidate
    }
    var result: [Node] = []
    for node in nodes {
      guard let form = Self.form(node) else {
        result.append(node)
        continue
      }
      guard form.result + 1 < node.inputs.count, form.operands.allSatisfy({ $0 + 2 < node.inputs.count }), let output = node.outputs.first,
        try node.int("channels_last", default: 0) == 0
      else {
        throw PareError(.unsupported, "\(node.op) '\(node.name)' in this form", expected: "all grids, channels first",
                        suggestion: "export the model with QuantizeLinear and DequantizeLinear", layer: node.name, op: node.op)
      }
      var inputs: [String] = []
      for place in form.operands {
        let name = unique("\(node.inputs[place])_dequantized")
        var dequantize = Node(
          name: unique("\(node.name)_dequantize_\(place)"), op: "DequantizeLinear",
          inputs: Array(node.inputs[place..<(place + 3)]), outputs: [name])
        if let scale = initializers[node.inputs[place + 1]], scale.shape.count > 1 {
          // Per output channel.
          dequantize.attributes["axis"] = .int(try form.op == "Conv" || (form.op == "Gemm" && node.flag("transB")) ? 0 : -1)
        }
        if dequantize.inputs.last?.isEmpty == true { dequantize.inputs.removeLast() }
        result.append(dequantize)
        inputs.append(name)
      }
      if let place = form.bias, let name = node.input(place) {
        let bias = try floatingBias(node, name, [node.inputs[1], node.inputs[4]], initializers)
        let own = unique("\(name)_dequantized")
        initializers[own] = DenseRepresentation(bias)
        inputs.append(own)
      }
      let floating = unique("\(output)_floating")
      var plain = Node(name: node.name, op: form.op, inputs: inputs, outputs: [floating], attributes: node.attributes)
      plain.attributes["channels_last"] = nil
      plain.attributes["opset"] = nil
      result.append(plain)
      let grid = node.inputs[form.result...(form.result + 1)].filter { !$0.isEmpty }
      result.append(Node(name: unique("\(node.name)_quantize"), op: "QuantizeLinear", inputs: [floating] + grid, outputs: [output]))
    }
    nodes = result
    let read = Set(nodes.flatMap(\.inputs) + graph.output.map(\.name))
    initializers.removeAll { !read.contains($0.key) }
  }

  private func floatingBias(
    _ node: Node, _ name: String, _ scales: [String], _ initializers: OrderedDictionary<String, any Representation>
  ) throws -> Tensor {
    let dense = ([name] + scales).compactMap { (initializers[$0] as? DenseRepresentation)?.tensor }
    guard dense.count == 3 else {
      throw PareError(.unsupported, "\(node.op) '\(node.name)' with a bias or scales that are computed", layer: node.name, op: node.op)
    }
    let scale = try dense[1].converted(to: .f64).reshaped([] as Shape) * dense[2].converted(to: .f64).reshaped([-1])
    return try (dense[0].converted(to: .f64) * scale).reshaped(dense[0].shape).converted(to: .f32)
  }
}
