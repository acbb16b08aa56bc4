import Graph
import Support
import Tensor

/// Moves QuantizeLinear up and DequantizeLinear down through operators that only move or choose elements, so that they
/// run on integers and layers find their quantization next to them.
///
/// Rounding is monotone and per element: for these operators `f(Q(x)) = Q(f(x))` and `f(DQ(q)) = DQ(f(q))` hold exactly.
enum IntegerGraph {
  private static let movers: Set<String> = [
    "MaxPool", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Identity",
  ]

  static func rewritten(_ model: Model) -> Model {
    guard model.nodes.contains(where: { $0.op == "QuantizeLinear" || $0.op == "DequantizeLinear" }) else { return model }
    var rewriter = Rewriter(model)
    while rewriter.sinkOne() {}
    rewriter.elide()
    while rewriter.hoistOne() {}
    rewriter.elide()
    return rewriter.model
  }

  private struct Rewriter {
    var model: Model
    private var fresh = 0
    private var used: Set<String>

    init(_ model: Model) {
      self.model = model
      used = model.usedNames
    }

    private mutating func name(_ base: String) -> String {
      while true {
        fresh += 1
        let name = "\(base)@\(fresh)"
        if used.insert(name).inserted { return name }
      }
    }

    private func isMover(_ node: Node) -> Bool {
      IntegerGraph.movers.contains(node.op) && node.domain.isEmpty && node.outputs.count == 1
    }

    /// Whether scale and zero point are one each, for a whole tensor.
    private func isPerTensor(_ node: Node) -> Bool {
      node.inputs.dropFirst().allSatisfy { name in
        name.isEmpty || model.parameters[name].map { $0.shape.count == 1 } ?? false
      } && node.inputs.count >= 2 && model.parameters[node.inputs[0]] == nil
    }

    private func sameGrid(_ a: Node, _ b: Node) -> Bool {
      if Array(a.inputs.dropFirst()) == Array(b.inputs.dropFirst()) { return true }
      guard a.inputs.count == b.inputs.count else { return false }
      return zip(a.inputs.dropFirst(), b.inputs.dropFirst()).allSatisfy { x, y in
        guard let p = model.parameters[x]?.value as? DenseRepresentation,
          let q = model.parameters[y]?.value as? DenseRepresentation, p.tensor.dtype == q.tensor.dtype
        else { return false }
        return (try? p.tensor.item()) == (try? q.tensor.item())
      }
    }

    /// DQ -> T becomes T -> DQ for one node T. Returns false when there is none left.
    mutating func sinkOne() -> Bool {
      let producers = model.producers
      func dequantizer(_ name: String) -> Node? {
        guard let index = producers[name] else { return nil }
        let node = model.nodes[index]
        return node.op == "DequantizeLinear" && isPerTensor(node) ? node : nil
      }
      for (index, node) in model.nodes.enumerated() {
        var moved = node
        var above: Node?
        if isMover(node), let first = node.inputs.first, let found = dequantizer(first) {
          moved.inputs[0] = found.inputs[0]
          above = found
        } else if node.op == "Concat", node.domain.isEmpty {
          let all = node.inputs.compactMap(dequantizer)
          guard all.count == node.inputs.count, let first = all.first, all.allSatisfy({ sameGrid($0, first) }) else { continue }
          moved.inputs = all.map { $0.inputs[0] }
          above = first
        }
        guard let above else { continue }
        let integers = name(node.outputs[0])
        moved.outputs[0] = integers
        var below = above
        below.name = name(above.name)
        below.inputs[0] = integers
        below.outputs = node.outputs
        model.nodes.replaceSubrange(index...index, with: [moved, below])
        return true
      }
      return false
    }

    /// T -> Q becomes Q -> T for one node T that nobody else reads. Returns false when there is none left.
    mutating func hoistOne() -> Bool {
      let producers = model.producers
      let consumers = model.consumers
      for (index, node) in model.nodes.enumerated() where node.op == "QuantizeLinear" && isPerTensor(node) {
        let input = node.inputs[0]
        guard let above = producers[input], consumers[input]?.count == 1, !model.outputs.contains(where: { $0.name == input })
        else { continue }
        var mover = model.nodes[above]
        guard isMover(mover) || (mover.op == "Concat" && mover.domain.isEmpty) else { continue }
        let moved = mover.op == "Concat" ? mover.inputs.indices : 0..<1
        var quantizers: [Node] = []
        for position in moved {
          var quantizer = node
          quantizer.name = name(node.name)
          quantizer.inputs[0] = mover.inputs[position]
          quantizer.outputs = [name(node.outputs[0])]
          mover.inputs[position] = quantizer.outputs[0]
          quantizers.append(quantizer)
        }
        mover.outputs = node.outputs
        model.nodes.remove(at: index)
        model.nodes.replaceSubrange(above...above, with: quantizers + [mover])
        return true
      }
      return false
    }

    /// Q(DQ(q)) on one grid is q.
    mutating func elide() {
      let producers = model.producers
      var replaced: [String: String] = [:]
      for node in model.nodes where node.op == "QuantizeLinear" && isPerTensor(node) {
        guard let index = producers[node.inputs[0]], model.nodes[index].op == "DequantizeLinear",
          sameGrid(node, model.nodes[index]), !model.outputs.contains(where: { $0.name == node.outputs[0] })
        else { continue }
        replaced[node.outputs[0]] = model.nodes[index].inputs[0]
      }
      guard !replaced.isEmpty else { return }
      model.nodes.removeAll { $0.outputs.count == 1 && replaced[$0.outputs[0]] != nil }
      for index in model.nodes.indices {
        for position in model.nodes[index].inputs.indices {
          while let source = replaced[model.nodes[index].inputs[position]] { model.nodes[index].inputs[position] = source }
        }
      }
    }
  }
}
