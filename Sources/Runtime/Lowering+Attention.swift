import CKernels
import Graph
import Support
import Tensor

/// Scaled dot-product attention, as exporters write it: heads split off by Reshape and Transpose, two products around a
/// Softmax, heads joined again. One kernel computes it without moving heads.
struct Attention {
  /// `[batch, positions, heads * size]` each.
  var q, k, v: String
  var mask: String?
  var heads: Int
  var scale: Float
  /// All nodes but the last, which makes `[batch, positions, heads * size]`.
  var members: [Int]
  var last: Int
}

extension Lowering {
  /// The attentions of the graph by the place of their last node.
  func attentions() -> (ends: [Int: Attention], members: Set<Int>) {
    var ends: [Int: Attention] = [:], members = Set<Int>()
    for (index, node) in model.nodes.enumerated() where node.op == "Softmax" && node.domain.isEmpty {
      guard let found = attention(around: index, node), members.isDisjoint(with: found.members) else { continue }
      ends[found.last] = found
      members.formUnion(found.members)
    }
    return (ends, members)
  }

  private func made(_ name: String, _ op: String) -> (index: Int, node: Node)? {
    guard let index = producers[name], model.nodes[index].op == op, consumers[name]?.count == 1,
      !model.outputs.contains(where: { $0.name == name })
    else { return nil }
    return (index, model.nodes[index])
  }

  private func taken(_ name: String, _ op: String) -> (index: Int, node: Node)? {
    guard let list = consumers[name], list.count == 1, model.nodes[list[0]].op == op,
      !model.outputs.contains(where: { $0.name == name })
    else { return nil }
    return (list[0], model.nodes[list[0]])
  }

  private func scalar(_ name: String) -> Float? {
    guard isConstant(name), let tensor = try? constant(name), tensor.count == 1, let value = try? tensor.item() else { return nil }
    return Float(value)
  }

  private func attention(around index: Int, _ softmax: Node) -> Attention? {
    guard let shape = types[softmax.inputs[0]]?.fixedShape, shape.count == 4, types[softmax.inputs[0]]?.dtype == .f32,
      let axis = try? softmax.int("axis", default: -1), axis == -1 || axis == 3, model.opset >= 13
    else { return nil }
    var members = [index]
    var scale: Float = 1
    var mask: String?
    var name = softmax.inputs[0]
    // From the softmax up to the product: a mask, then factors.
    if let (place, add) = made(name, "Add") {
      guard let scores = add.inputs.first(where: { isScores($0) }), let other = add.inputs.first(where: { $0 != scores }) else { return nil }
      members.append(place)
      mask = other
      name = scores
    }
    if let (place, divided) = made(name, "Div"), let by = scalar(divided.inputs[1]) {
      members.append(place)
      scale /= by
      name = divided.inputs[0]
    } else if let (place, product) = made(name, "Mul"), let position = product.inputs.firstIndex(where: { scalar($0) != nil }),
      let by = scalar(product.inputs[position])
    {
      members.append(place)
      scale *= by
      name = product.inputs[1 - position]
    }
    guard let (scores, product) = made(name, "MatMul"), let q = split(product.inputs[0], [0, 2, 1, 3], &members),
      let k = keys(product.inputs[1], &members), let (place, weighted) = taken(softmax.outputs[0], "MatMul"),
      weighted.inputs[0] == softmax.outputs[0], let v = split(weighted.inputs[1], [0, 2, 1, 3], &members),
      let (turn, transposed) = taken(weighted.outputs[0], "Transpose"), (try? transposed.ints("perm")) == [0, 2, 1, 3],
      let (last, joined) = taken(transposed.outputs[0], "Reshape"), let output = types[joined.outputs[0]]?.fixedShape,
      output.count == 3, output[0] == shape[0], output[1] == shape[2], q.heads == shape[1], k.heads == shape[1],
      v.heads == shape[1], q.size == k.size, output[2] == v.heads * v.size
    else { return nil }
    if let mask {
      guard let sizes = types[mask]?.fixedShape, types[mask]?.dtype == .f32, sizes.count <= 4, sizes.last == shape[3],
        zip(sizes.reversed(), shape.reversed()).allSatisfy({ $0 == 1 || $0 == $1 })
      else { return nil }
    }
    members += [scores, place, turn]
    return Attention(
      q: q.name, k: k.name, v: v.name, mask: mask, heads: shape[1], scale: scale, members: members, last: last)
  }

  /// Whether a value is the product of queries and keys, with factors.
  private func isScores(_ name: String) -> Bool {
    guard let index = producers[name] else { return false }
    let node = model.nodes[index]
    if node.op == "MatMul" { return true }
    return ["Div", "Mul"].contains(node.op) && node.inputs.contains { scalar($0) != nil } && node.inputs.contains { isScores($0) }
  }

  private typealias Heads = (name: String, heads: Int, size: Int)

  /// `[batch, positions, heads * size]` behind a value that splits it into heads and turns it by `order`.
  private func split(_ name: String, _ order: [Int], _ members: inout [Int]) -> Heads? {
    guard let (turn, transposed) = made(name, "Transpose"), (try? transposed.ints("perm")) == order,
      let (place, reshaped) = made(transposed.inputs[0], "Reshape"), let to = types[reshaped.outputs[0]]?.fixedShape,
      let from = types[reshaped.inputs[0]]?.fixedShape, to.count == 4, from.count == 3, from[0] == to[0], from[1] == to[1],
      !isConstant(reshaped.inputs[0])
    else { return nil }
    members += [turn, place]
    return (reshaped.inputs[0], to[2], to[3])
  }

  /// Keys come with their last two axes turned, in one Transpose or in two.
  private func keys(_ name: String, _ members: inout [Int]) -> Heads? {
    if let found = split(name, [0, 2, 3, 1], &members) { return found }
    guard let (turn, transposed) = made(name, "Transpose"), (try? transposed.ints("perm")) == [0, 1, 3, 2] else { return nil }
    members.append(turn)
    return split(transposed.inputs[0], [0, 2, 1, 3], &members)
  }

  func lower(_ attention: Attention) throws {
    let node = model.nodes[attention.last]
    let operands = try [attention.q, attention.k, attention.v].map { try rowMajor(value($0), for: node.name).place }
    let mask = try attention.mask.map { try rowMajor(value($0), for: node.name).place }
    let result = try makeValue(node.outputs[0])
    let destination = Place.arena(newBuffer(result.count * 4))
    result.forms = [try rowMajorForm(result, destination)]
    guard let queries = types[attention.q]?.fixedShape, let keys = types[attention.k]?.fixedShape,
      let contents = types[attention.v]?.fixedShape
    else { throw PareError(.internal, "attention '\(node.name)' without sizes") }
    var task = pare_attention_task()
    (task.images, task.heads, task.positions, task.keys) = (queries[0], attention.heads, queries[1], keys[1])
    (task.size, task.value_size) = (queries[2] / attention.heads, contents[2] / attention.heads)
    (task.q_step, task.k_step, task.v_step, task.y_step) = (queries[2], keys[2], contents[2], contents[2])
    (task.q_image, task.k_image, task.v_image) = (queries[1] * queries[2], keys[1] * keys[2], contents[1] * contents[2])
    task.y_image = queries[1] * contents[2]
    task.scale = attention.scale
    if let name = attention.mask, let sizes = types[name]?.fixedShape {
      let padded = [Int](repeating: 1, count: 4 - sizes.count) + sizes
      task.mask_row = padded[2] == 1 ? 0 : padded[3]
      task.mask_head = padded[1] == 1 ? 0 : padded[2] * padded[3]
      task.mask_image = padded[0] == 1 ? 0 : padded[1] * padded[2] * padded[3]
    }
    let threads = max(1, min(options.threads, task.images * task.heads))
    let scratch = Place.arena(newBuffer(pare_attention_scratch(&task) * threads * 4))
    emit(
      node.name, "Attention", "heads", touching: operands + [destination, scratch] + [mask].compactMap { $0 },
      operations: task.images * task.heads * task.positions * task.keys * (task.size + task.value_size)
    ) { [task] base, _ in
      var task = task
      task.q = UnsafePointer(operands[0].floats(base))
      task.k = UnsafePointer(operands[1].floats(base))
      task.v = UnsafePointer(operands[2].floats(base))
      task.y = destination.floats(base)
      task.mask = mask.map { UnsafePointer($0.floats(base)) }
      pare_attention(&task, scratch.floats(base), Int32(clamping: threads))
    }
    values[node.outputs[0]] = result
  }
}
