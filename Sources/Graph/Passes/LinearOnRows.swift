import Support
import Tensor

extension Model {
  /// Returns the model with each linear layer that meets more than two axes as a layer of rows,
  /// `Reshape -> Gemm -> Reshape`: PyTorch's maps the last axis whatever stands before it, ONNX's Gemm multiplies matrices.
  ///
  /// So the weight stays `[out, in]`, and the layer one that every method knows, as in the transformers that come with Pare.
  /// Layers of two axes stay as they are; so do those whose sizes are not known yet or do not fit, which inference names.
  package func linearOnRows() throws -> Model {
    guard nodes.contains(where: { $0.op == "Gemm" }) else { return self }
    let builder = GraphBuilder(seed: 0, opset: opset, taken: usedNames)
    var known = sources(), made: [Node] = []
    for node in nodes {
      if let (part, result) = try builder.onRows(node, known.types) {
        known.add(result)
        made += part
      } else {
        known.tryAdd(node)
        made.append(node)
      }
    }
    guard made.count > nodes.count else { return self }
    var model = self
    model.nodes = made
    model.parameters.merge(builder.parameters) { _, new in new }
    model.opset = builder.opset
    return model
  }
}

extension GraphBuilder {
  /// The nodes that a Gemm of more than two axes becomes, and its result; nil for any other node.
  fileprivate func onRows(_ node: Node, _ types: [String: ValueType]) throws -> (nodes: [Node], result: Port)? {
    guard node.op == "Gemm", node.domain.isEmpty, try !node.flag("transA"), let from = node.input(0), let type = types[from],
      let shape = type.shape, shape.count > 2, let features = shape.last?.value,
      let weight = node.input(1).flatMap({ types[$0]?.fixedShape }), weight.count == 2
    else { return nil }
    let isTransposed = try node.flag("transB")
    // A bias of two axes would be one of rows.
    guard weight[isTransposed ? 1 : 0] == features, node.input(2).map({ types[$0]?.shape?.count ?? 2 < 2 }) ?? true else { return nil }
    let out = weight[isTransposed ? 0 : 1], lead = shape.dropLast(), first = nodes.count
    let x = GraphValue(builder: self, name: from)
    var gemm = node
    gemm.inputs[0] = try NN.reshaped([-1, features], x, unused("\(node.name).rows")).name
    gemm.outputs = [unused("\(node.name).product")]
    let product = input(gemm.outputs[0])
    let free = lead.indices.filter { lead[$0].value == nil }
    if free.count < 2 {
      // One size follows from the others: the free one, else that of the batch.
      let sizes = lead.indices.map { $0 == free.first ?? 0 ? -1 : lead[$0].value ?? -1 }
      _ = try NN.reshaped(sizes + [out], product, unused("\(node.name).axes"))
    } else {
      let sizes = try Module("shape", name: unused("\(node.name).lead"), layer: .init("Shape", ["end": .int(-1)]))(x)
      let whole = try concatenated(sizes, name: unused("\(node.name).sizes"), [out])
      _ = try Module("reshape", name: unused("\(node.name).axes"), layer: .init("Reshape", valueCount: 2...2))([product, whole])
    }
    var made = Array(nodes[first...])
    made.insert(gemm, at: 1)
    made[made.count - 1].outputs = node.outputs
    return (made, Port(node.outputs[0], ValueType(type.dtype, lead + [.fixed(out)])))
  }
}
