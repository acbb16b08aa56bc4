import Graph
import Support
import Tensor

/// A layer with what runs inside it: `Conv -> Relu`, `Gemm -> Relu`, `Conv -> Add -> Relu -> QuantizeLinear`.
struct Chain {
  /// One thing done to the layer's result before it is stored.
  enum Link {
    case activation(Activation)
    /// Adds a value of the same shape.
    case add(String)
    /// Goes into weights and bias before anything runs.
    case normalize(Affine)
    /// Adds a constant vector along the last axis (MatMul only).
    case bias(String)
    case quantize(Grid)
  }

  /// y = factor x + shift, per output channel.
  struct Affine {
    var factor: [Float]
    var shift: [Float]
  }

  var nodes: [Node]
  var links: [Link]

  /// The batch normalization right behind the layer.
  var normalization: Affine? {
    if case .normalize(let affine)? = links.first { affine } else { nil }
  }

  var layer: Node { nodes[0] }
  /// What the chain computes.
  var output: String { nodes[nodes.count - 1].outputs[0] }
  /// `Conv+Add+Relu`.
  var label: String { nodes.map(\.op).joined(separator: "+") }

  /// Whether another activation fits behind those there are: oneDNN's kernels keep one set of parameters for each function,
  /// so that of two Clips with other bounds, or a LeakyRelu and a Relu, the second would run with the first one's.
  fileprivate func takes(_ next: Activation) -> Bool {
    links.allSatisfy { link in
      guard case .activation(let earlier) = link, earlier.algorithm == next.algorithm else { return true }
      return earlier.alpha == next.alpha && earlier.beta == next.beta
    }
  }

  /// Chains by the places of their nodes.
  struct Table {
    enum Role {
      case single
      /// Lowered with the chain's last node, when everything it reads is there.
      case member
      case end(Chain)
      /// The end of the second of two chains that run as one step.
      case pair(Lowering.ProductPair)
    }
    fileprivate var roles: [Int: Role] = [:]
    func role(of index: Int) -> Role { roles[index] ?? .single }
  }

  /// Finds the chains of a graph, and pairs of them; each node is in at most one.
  static func all(in lowering: Lowering) throws -> Table {
    var table = Table()
    // The places where chains end, and of their layers.
    var ends: [(chain: Chain, layer: Int, end: Int)] = []
    var taken = Set<Int>()
    for (index, node) in lowering.model.nodes.enumerated() where lowering.isLayer(node) && !taken.contains(index) {
      var chain = Chain(nodes: [node], links: [])
      var places = [index]
      while let next = lowering.soleConsumer(of: chain.output), !taken.contains(next),
        let link = lowering.link(lowering.model.nodes[next], after: chain)
      {
        chain.nodes.append(lowering.model.nodes[next])
        chain.links.append(link)
        places.append(next)
        if case .quantize = link { break }
      }
      taken.formUnion(places)
      for place in places.dropLast() { table.roles[place] = .member }
      ends.append((chain, index, places[places.count - 1]))
    }
    for (chain, _, end) in ends { table.roles[end] = .end(chain) }
    let byLayer = Dictionary(ends.map { ($0.layer, $0) }, uniquingKeysWith: { first, _ in first })
    for (chain, _, end) in ends {
      guard case .end? = table.roles[end], let next = lowering.soleConsumer(of: chain.output), let second = byLayer[next],
        second.chain.layer.inputs[0] == chain.output, let pair = try lowering.pair(chain, second.chain)
      else { continue }
      table.roles[end] = .member
      table.roles[second.end] = .pair(pair)
    }
    return table
  }
}

extension Lowering {
  /// Convolutions and products with constant weights: what has a fused kernel.
  fileprivate func isLayer(_ node: Node) -> Bool {
    guard node.domain.isEmpty || node.domain == "ai.onnx", let output = node.outputs.first, constants[output] == nil,
      let weights = node.input(1), isConstant(weights), let type = types[output], type.dtype == .f32,
      let input = node.input(0), types[input]?.dtype == .f32, !isConstant(input)
    else { return false }
    switch node.op {
    case "Conv":
      return types[weights]?.shape?.count == 4 && type.fixedShape.map { !$0.contains(0) } ?? false
        && (node.input(2).map(isConstant) ?? true)
    case "Gemm": return isPlainGemm(node)
    case "MatMul":
      return types[weights]?.shape?.count == 2 && (types[input]?.shape?.count ?? 0) >= 2
        && type.fixedShape.map { !$0.contains(0) } ?? false
    default: return false
    }
  }

  private func isPlainGemm(_ node: Node) -> Bool {
    guard let output = types[node.outputs[0]]?.fixedShape, !output.contains(0), (try? node.flag("transA")) == false
    else { return false }
    guard let bias = node.input(2) else { return true }
    guard isConstant(bias), let shape = types[bias]?.fixedShape else { return false }
    // A bias per output, or one for all; a whole matrix is not one.
    return shape.reduce(1, *) == 1 || (shape.last == output[1] && shape.dropLast().allSatisfy { $0 == 1 })
  }

  /// The place of the one node that reads `name`, if there is one and the model does not hand the value out.
  fileprivate func soleConsumer(of name: String) -> Int? {
    guard let list = consumers[name], list.count == 1, !model.outputs.contains(where: { $0.name == name }) else {
      return nil
    }
    return list[0]
  }

  /// What `node` does to the result of `chain`, if that can run inside it.
  fileprivate func link(_ node: Node, after chain: Chain) -> Chain.Link? {
    guard node.domain.isEmpty || node.domain == "ai.onnx", let output = node.outputs.first, constants[output] == nil
    else { return nil }
    if let activation = try? Activation(node, constant: constant) {
      return chain.links.count < Lowering.maximumLinks && chain.takes(activation) ? .activation(activation) : nil
    }
    switch node.op {
    case "BatchNormalization":
      guard chain.links.isEmpty, chain.layer.op != "MatMul", quantizedLayer(chain.layer) == nil else { return nil }
      return affine(node).map { .normalize($0) }
    case "Add":
      guard node.inputs.count == 2, node.inputs[0] != node.inputs[1] else { return nil }
      let other = node.inputs[0] == chain.output ? node.inputs[1] : node.inputs[0]
      guard let shape = types[chain.output]?.fixedShape, let otherType = types[other], otherType.dtype == .f32,
        types[output]?.fixedShape == shape, let otherShape = otherType.fixedShape
      else { return nil }
      if isConstant(other) {
        let fits = chain.layer.op == "MatMul" && chain.links.isEmpty && otherShape.last == shape.last
          && otherShape.dropLast().allSatisfy { $0 == 1 }
        return fits ? .bias(other) : nil
      }
      let added = chain.links.contains { if case .add = $0 { true } else { false } }
      return otherShape == shape && !added ? .add(other) : nil
    case "QuantizeLinear":
      guard node.inputs.first == chain.output, quantizedLayer(chain.layer) != nil else { return nil }
      return grid(of: node).map { .quantize($0) }
    default: return nil
    }
  }

  private static let maximumLinks = 4

  /// What a batch normalization with known statistics does to each channel.
  private func affine(_ node: Node) -> Chain.Affine? {
    guard node.inputs.count == 5, node.outputs.count == 1, (try? node.flag("training_mode")) == false,
      let epsilon = try? node.float("epsilon", default: 1e-5)
    else { return nil }
    let vectors = node.inputs.dropFirst().compactMap { name in
      isConstant(name) ? try? constant(name)?.values(as: Float.self) : nil
    }
    guard vectors.count == 4, vectors.allSatisfy({ $0.count == vectors[0].count }) else { return nil }
    let factor = zip(vectors[0], vectors[3]).map { scale, variance in
      Float(Double(scale) / (Double(variance) + epsilon).squareRoot())
    }
    let shift = vectors[0].indices.map { vectors[1][$0] - vectors[2][$0] * factor[$0] }
    return Chain.Affine(factor: factor, shift: shift)
  }
}
