import CKernels
import COneDNN
import Graph
import Support
import Tensor

/// The sum of two quantized values, quantized again: `QuantizeLinear(Relu(Add(DequantizeLinear(a), DequantizeLinear(b))))`,
/// the Relu where there is one. It reads and writes integers; each step is rounded as the operators one by one would.
struct IntegerAdd {
  var a, b: (source: String, grid: Grid)
  var grid: Grid
  var limits: ClosedRange<Float>
  /// The places of Add and its activation; the last node is the quantizer.
  var members: [Int]
}

extension Lowering {
  /// The sums of the graph by the place of their QuantizeLinear.
  func integerAdds() -> (ends: [Int: IntegerAdd], members: Set<Int>) {
    var ends: [Int: IntegerAdd] = [:], members = Set<Int>()
    for (index, node) in model.nodes.enumerated() where node.op == "Add" && node.domain.isEmpty {
      guard node.inputs.count == 2, let a = quantizedSource(node.inputs[0]), let b = quantizedSource(node.inputs[1]),
        let shape = types[node.outputs[0]]?.fixedShape, !shape.contains(0),
        types[a.source]?.fixedShape == shape, types[b.source]?.fixedShape == shape
      else { continue }
      var places = [index]
      var limits = -Float.infinity...Float.infinity
      var next = only(node.outputs[0])
      if let place = next, let activation = try? Activation(model.nodes[place], constant: constant), let given = activation.limits {
        places.append(place)
        limits = given
        next = only(model.nodes[place].outputs[0])
      }
      guard let last = next, model.nodes[last].op == "QuantizeLinear", let grid = grid(of: model.nodes[last]),
        model.nodes[last].inputs[0] == model.nodes[places[places.count - 1]].outputs[0]
      else { continue }
      ends[last] = IntegerAdd(a: a, b: b, grid: grid, limits: limits, members: places)
      members.formUnion(places)
    }
    return (ends, members)
  }

  private func only(_ name: String) -> Int? {
    guard let list = consumers[name], list.count == 1, !model.outputs.contains(where: { $0.name == name }) else { return nil }
    return list[0]
  }

  /// Lowers a sum; node by node where its operands lie in layouts with gaps.
  func lower(_ add: IntegerAdd, at index: Int) throws {
    let node = model.nodes[index]
    let left = try value(add.a.source), right = try value(add.b.source)
    var first = try natural(left, for: node.name)
    if !first.layout.isDense { first = try rowMajor(left, for: node.name) }
    guard let otherType = right.dtype.oneDNN, let type = add.grid.dtype.oneDNN else {
      throw PareError(.internal, "'\(node.name)' has no 8-bit operands")
    }
    let second = try form(right, try first.layout.with(type: otherType), for: node.name)
    let result = try makeValue(node.outputs[0])
    let count = result.count, place = Place.arena(newBuffer(count)), threads = threads(for: count)
    result.forms = [Value.Form(layout: try first.layout.with(type: type), place: place)]
    let label = (add.members + [index]).map { model.nodes[$0].op }.joined(separator: "+")
    emit(
      model.nodes[add.members[0]].name, label, "integers", touching: [first.place, second.place, place]
    ) { base, _ in
      pare_integer_add(
        first.place.address(base), add.a.grid.kernel, second.place.address(base), add.b.grid.kernel, place.address(base),
        add.grid.kernel, add.limits.lowerBound, add.limits.upperBound, count, threads)
    }
    values[node.outputs[0]] = result
  }
}
