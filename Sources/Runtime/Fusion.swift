import Graph
import OrderedCollections
import Support
import Tensor

/// Finds functions that exporters write out in small operators, and puts the one operator in their place.
///
/// - GELU: `x * 0.5 * (1 + erf(x / sqrt 2))`, factors in any order.
/// - Layer normalization over the last axis: mean, difference, mean of squares, root, quotient, scale, shift.
enum Fusion {
  static func rewritten(_ model: Model) -> Model {
    guard model.nodes.contains(where: { $0.op == "Erf" || $0.op == "Sqrt" }) else { return model }
    var matcher = Matcher(model)
    for node in model.nodes where node.domain.isEmpty || node.domain == "ai.onnx" {
      switch node.op {
      case "Erf": matcher.matchGelu(node)
      case "Sqrt": matcher.matchNormalization(node)
      default: break
      }
    }
    return matcher.result
  }

  private struct Matcher {
    let model: Model
    let producers: [String: Int]
    let consumers: [String: [Int]]
    let outputs: Set<String>
    /// Nodes that are gone, and what stands in the place of the last of each group.
    var removed = Set<Int>()
    var replaced: [Int: Node] = [:]

    init(_ model: Model) {
      self.model = model
      producers = model.producers
      consumers = model.consumers
      outputs = Set(model.outputs.map(\.name))
    }

    var result: Model {
      guard !replaced.isEmpty else { return model }
      var model = model
      model.nodes = model.nodes.enumerated().compactMap { index, node in
        replaced[index] ?? (removed.contains(index) ? nil : node)
      }
      return model
    }

    private mutating func put(_ node: Node, for places: [Int], at last: Int) {
      guard places.allSatisfy({ !removed.contains($0) }) else { return }
      removed.formUnion(places)
      replaced[last] = node
    }

    private func producer(_ name: String, _ ops: String...) -> (index: Int, node: Node)? {
      guard let index = producers[name], ops.contains(model.nodes[index].op) else { return nil }
      return (index, model.nodes[index])
    }

    /// The one node that reads the value.
    private func consumer(_ name: String, _ op: String) -> (index: Int, node: Node)? {
      guard !outputs.contains(name), let list = consumers[name], list.count == 1, model.nodes[list[0]].op == op else { return nil }
      return (list[0], model.nodes[list[0]])
    }

    /// A constant of one element.
    private func scalar(_ name: String) -> Double? {
      if let parameter = model.parameters[name], parameter.shape.count == 1 { return try? parameter.value.dense().item() }
      guard let (_, node) = producer(name, "Constant"), let op = try? OperatorRegistry.find(for: node, opset: model.opset) else { return nil }
      var context = ExecutionContext(opset: model.opset)
      guard let tensor = try? op.forward(node, [], &context).first, tensor.count == 1 else { return nil }
      return try? tensor.item()
    }

    /// The other operand of a node of two, where one is the scalar `value`.
    private func operand(_ node: Node, beside value: Double) -> String? {
      guard node.inputs.count == 2 else { return nil }
      for (index, name) in node.inputs.enumerated() {
        if let constant = scalar(name), (constant - value).magnitude <= 1e-5 * value { return node.inputs[1 - index] }
      }
      return nil
    }

    private func other(_ node: Node, than name: String) -> String? {
      guard node.inputs.count == 2 else { return nil }
      return node.inputs[0] == name ? node.inputs[1] : node.inputs[1] == name ? node.inputs[0] : nil
    }

    mutating func matchGelu(_ erf: Node) {
      guard let place = producers[erf.outputs[0]] else { return }
      let x: String
      guard let (inner, scaled) = producer(erf.inputs[0], "Div", "Mul"), consumer(scaled.outputs[0], "Erf") != nil else { return }
      if scaled.op == "Div", scalar(scaled.inputs[1]).map({ ($0 - 2.0.squareRoot()).magnitude < 1e-5 }) ?? false {
        x = scaled.inputs[0]
      } else if scaled.op == "Mul", let name = operand(scaled, beside: 0.5.squareRoot()) { x = name } else { return }
      guard let (sum, plus) = consumer(erf.outputs[0], "Add"), operand(plus, beside: 1) == erf.outputs[0],
        let (first, product) = consumer(plus.outputs[0], "Mul"), let factor = other(product, than: plus.outputs[0])
      else { return }
      var places = [place, inner, sum, first]
      let last: Int
      if factor == x, let (half, end) = consumer(product.outputs[0], "Mul"), operand(end, beside: 0.5) == product.outputs[0] {
        last = half
      } else if let (half, halved) = producer(factor, "Mul"), operand(halved, beside: 0.5) == x, consumer(factor, "Mul") != nil {
        places.append(half)
        last = first
      } else { return }
      places.append(last)
      let end = model.nodes[last]
      put(Node(name: end.name, op: "Gelu", inputs: [x], outputs: end.outputs), for: Array(Set(places)), at: last)
    }

    mutating func matchNormalization(_ root: Node) {
      guard let place = producers[root.outputs[0]], let (shift, plus) = producer(root.inputs[0], "Add"),
        let variance = plus.inputs.first(where: { scalar($0) == nil }),
        let epsilon = plus.inputs.compactMap({ scalar($0) }).first,
        let (second, mean) = producer(variance, "ReduceMean"), isLast(mean),
        let (power, square) = producer(mean.inputs[0], "Pow", "Mul"),
        square.op == "Mul" ? square.inputs[0] == square.inputs[1] : scalar(square.inputs[1]) == 2,
        let (minus, centred) = producer(square.inputs[0], "Sub"),
        let (first, middle) = producer(centred.inputs[1], "ReduceMean"), isLast(middle), middle.inputs[0] == centred.inputs[0],
        let (over, quotient) = consumer(root.outputs[0], "Div"), quotient.inputs[0] == centred.outputs[0],
        let (times, product) = consumer(quotient.outputs[0], "Mul"),
        let scale = other(product, than: quotient.outputs[0]), model.parameters[scale]?.shape.rank == 1,
        let (last, sum) = consumer(product.outputs[0], "Add"), let bias = other(sum, than: product.outputs[0]),
        model.parameters[bias]?.shape.rank == 1,
        Set(consumers[centred.outputs[0]] ?? []) == [power, over], consumers[middle.outputs[0]]?.count == 1
      else { return }
      put(
        Node(
          name: sum.name, op: "LayerNormalization", inputs: [centred.inputs[0], scale, bias], outputs: sum.outputs,
          attributes: ["axis": .int(-1), "epsilon": .float(epsilon)]),
        for: [place, shift, second, power, minus, first, over, times, last], at: last)
    }

    private func isLast(_ mean: Node) -> Bool {
      guard (try? mean.int("keepdims", default: 1)) == 1 else { return false }
      if let axes = try? mean.ints("axes") { return axes == [-1] }
      return mean.input(1).flatMap { scalar($0) } == -1
    }
  }
}
