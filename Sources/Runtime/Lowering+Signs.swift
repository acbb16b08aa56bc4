import Graph
import Support
import Tensor

/// Signs of values as `Where(GreaterOrEqual(x, 0), 1, -1)`: ONNX's Sign has a third value, 0, which one bit cannot hold.
extension Lowering {
  /// Comparisons that nobody else reads, and by the place of each Where the place of its comparison.
  func signs() -> (members: Set<Int>, ends: [Int: Int]) {
    var found: (members: Set<Int>, ends: [Int: Int]) = ([], [:])
    for (index, node) in model.nodes.enumerated() where node.op == "Where" && node.domain.isEmpty && node.inputs.count == 3 {
      guard let place = producers[node.inputs[0]], constants[node.outputs[0]] == nil else { continue }
      let compared = model.nodes[place]
      guard compared.op == "GreaterOrEqual", compared.domain.isEmpty, consumers[compared.outputs[0]] == [index],
        !model.outputs.contains(where: { $0.name == compared.outputs[0] }), isNumber(compared.inputs[1], 0),
        isNumber(node.inputs[1], 1), isNumber(node.inputs[2], -1), let type = types[compared.inputs[0]], type.dtype == .f32,
        type.fixedShape == types[node.outputs[0]]?.fixedShape, !isConstant(compared.inputs[0])
      else { continue }
      found.members.insert(place)
      found.ends[index] = place
    }
    return found
  }

  private func isNumber(_ name: String, _ number: Double) -> Bool {
    guard isConstant(name), let tensor = try? constant(name), tensor.count == 1, tensor.dtype == .f32 else { return false }
    return (try? tensor.item()) == number
  }

  /// The signs of a value: made only where somebody needs them as floats.
  func lowerSigns(_ node: Node, of source: String) throws {
    let result = try makeValue(node.outputs[0])
    result.signsOf = try value(source)
    values[node.outputs[0]] = result
    alias(node.outputs[0], of: source)
  }

  func materializeSigns(_ value: Value, of source: Value, for name: String) throws {
    var form = try natural(source, for: name)
    if !form.layout.isDense { form = try rowMajor(source, for: name) }
    let place = Place.arena(newBuffer(value.count * 4))
    value.forms = [Value.Form(layout: form.layout, place: place)]
    let count = value.count
    emit(name, "Where", "signs", touching: [form.place, place]) { [form] base, _ in
      let from = form.place.address(base).assumingMemoryBound(to: Float.self)
      let to = place.address(base).assumingMemoryBound(to: Float.self)
      try Compute.parallel(count, grain: 1 << 15) { part in for index in part { to[index] = from[index] >= 0 ? 1 : -1 } }
    }
  }
}
