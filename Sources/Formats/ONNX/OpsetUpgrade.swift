import Graph
import Support
import Tensor

/// Bringing a model to a later opset: what was an attribute once is an input there, and some defaults moved.
///
/// Only operators that Pare has are touched; the numbers that a model computes stay the same.
struct OpsetUpgrade {
  private var model: Model
  private let from: Int
  private let target: Int
  private var used: Set<String>

  /// Rewrites the nodes of `model` for opset `target`, if it is later than the model's.
  static func apply(_ model: inout Model, to target: Int) throws {
    guard target > model.opset else { return }
    var upgrade = OpsetUpgrade(model: model, from: model.opset, target: target, used: model.usedNames)
    upgrade.model.nodes = try model.nodes.flatMap { try upgrade.rewritten($0) }
    upgrade.model.opset = target
    // What was replaced may have been read by nobody else.
    let read = Set(upgrade.model.nodes.flatMap(\.inputs) + model.outputs.map(\.name))
    for name in model.parameters.keys where !read.contains(name) && model.nodes.contains(where: { $0.inputs.contains(name) }) {
      upgrade.model.parameters[name] = nil
    }
    model = upgrade.model
  }

  /// Whether the upgrade passes the opset in which something changed.
  private func crosses(_ opset: Int) -> Bool { from < opset && opset <= target }

  private mutating func rewritten(_ old: Node) throws -> [Node] {
    guard old.domain.isEmpty else { return [old] }
    var node = old
    switch node.op {
    case "Squeeze", "Unsqueeze", "ReduceSum":
      if crosses(13) { try move("axes", to: 1, &node) }
    case "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
      "ReduceLogSumExp", "ReduceSumSquare":
      if crosses(18) { try move("axes", to: 1, &node) }
    case "Split":
      if crosses(13) { try move("split", to: 1, &node) }
      if crosses(18), !node.has(1) { node.attributes["num_outputs"] = .int(node.outputs.count) }
    case "Pad":
      if crosses(11) {
        try move("pads", to: 1, &node)
        try move("value", to: 2, &node)
      }
    case "Slice":
      if crosses(10) {
        try move("starts", to: 1, &node)
        try move("ends", to: 2, &node)
        try move("axes", to: 3, &node)
      }
    case "Clip":
      if crosses(11) {
        try move("min", to: 1, &node)
        try move("max", to: 2, &node)
      }
    case "Dropout":
      if crosses(12) { try move("ratio", to: 1, &node) }
    case "BatchNormalization":
      if crosses(9) {
        guard try node.int("spatial", default: 1) == 1 else {
          throw PareError(.unsupported, "BatchNormalization '\(node.name)' with spatial=0", layer: node.name, op: node.op)
        }
        node.attributes["spatial"] = nil
      }
    case "TopK":
      if crosses(10), let k = try node.int("k") {
        node.attributes["k"] = .ints([k])
        try move("k", to: 1, &node)
      }
    case "Upsample":
      // What became of it: nearest or linear, each position scaled by itself.
      if crosses(10) {
        try move("scales", to: 1, &node)
        node.op = "Resize"
        resize(&node)
      }
    case "Resize":
      if crosses(11) { resize(&node) }
    case "Scatter":
      if crosses(11) { node.op = "ScatterElements" }
    case "DFT":
      if crosses(20) {
        if node.attributes["axis"] == nil { node.attributes["axis"] = .int(1) }
        try move("axis", to: 2, &node)
      }
    case "GridSample":
      if crosses(20), case .string(let mode)? = node.attributes["mode"] {
        node.attributes["mode"] = .string(mode == "bilinear" ? "linear" : mode == "bicubic" ? "cubic" : mode)
      }
    case "GroupNormalization":
      if crosses(21) { try spreadGroups(&node) }
    case "Softmax", "LogSoftmax", "Hardmax":
      if crosses(13) { return try rewrittenSoftmax(node) }
    default: break
    }
    return [node]
  }

  /// Moves a numeric attribute to a parameter that is read as input `index`.
  private mutating func move(_ attribute: String, to index: Int, _ node: inout Node) throws {
    guard let value = node.attributes.removeValue(forKey: attribute) else { return }
    let tensor: Tensor
    switch value {
    case .ints(let values): tensor = try Tensor(values.map(Int64.init), shape: Shape([values.count]))
    case .int(let value): tensor = try Tensor([Int64(value)], shape: Shape([]))
    case .float(let value): tensor = try Tensor.full(Shape([]), value, floating)
    case .floats(let values): tensor = try Tensor(values.map(Float.init), shape: Shape([values.count]))
    default: throw PareError(.format, "attribute '\(attribute)' of \(node.op) '\(node.name)'", expected: "numbers",
                             got: value.kind, layer: node.name, op: node.op)
    }
    let name = unique("\(node.name)_\(attribute)")
    model.parameters[name] = Parameter(name, tensor, isTrainable: false)
    while node.inputs.count <= index { node.inputs.append("") }
    node.inputs[index] = name
  }

  /// Resize before opset 11 took scales as its second input and had one way to count positions.
  private func resize(_ node: inout Node) {
    node.inputs = [node.inputs.first ?? "", "", node.inputs.count > 1 ? node.inputs[1] : ""]
    node.attributes["coordinate_transformation_mode"] = .string("asymmetric")
    node.attributes["nearest_mode"] = .string("floor")
  }

  /// Before opset 21 GroupNormalization scaled and shifted groups, since then channels.
  private mutating func spreadGroups(_ node: inout Node) throws {
    let groups = try node.int("num_groups", default: 1)
    let channels = try node.input(0).flatMap { try model.shapes()[$0]?.shape?.dropFirst().first?.value }
    for input in 1...2 {
      guard let name = node.input(input) else { continue }
      guard let channels, groups > 0, channels % groups == 0, let parameter = model.parameters[name] else {
        throw PareError(.unsupported, "GroupNormalization '\(node.name)' with computed scales or channels that are not known",
                        layer: node.name, op: node.op)
      }
      let value = try parameter.value.dense()
      guard value.shape.dimensions == [groups] else { continue }
      let own = unique("\(name)_channels")
      model.parameters[own] = Parameter(
        own, DenseRepresentation(try value.repeated(channels / groups, axis: 0)), isTrainable: parameter.isTrainable,
        metadata: parameter.metadata)
      node.inputs[input] = own
    }
  }

  /// Before opset 13 Softmax ran over all axes from `axis` (default 1) on, as over one.
  private mutating func rewrittenSoftmax(_ old: Node) throws -> [Node] {
    var node = old
    let axis = try node.int("axis", default: 1)
    guard let input = node.input(0), let output = node.outputs.first else { return [node] }
    let rank = (try? model.shapes())?[input]?.shape?.count
    if axis == -1 || axis + 1 == rank {
      node.attributes["axis"] = .int(-1)
      return [node]
    }
    let shape = unique("\(node.name)_shape"), flat = unique("\(node.name)_flat"), result = unique("\(node.name)_result")
    node.attributes["axis"] = .int(-1)
    node.inputs[0] = flat
    node.outputs[0] = result
    return [
      Node(name: shape, op: "Shape", inputs: [input], outputs: [shape]),
      Node(name: flat, op: "Flatten", inputs: [input], outputs: [flat], attributes: ["axis": .int(axis)]),
      node,
      Node(name: unique("\(node.name)_unflat"), op: "Reshape", inputs: [result, shape], outputs: [output]),
    ]
  }

  /// The element type of the model's floating numbers.
  private var floating: DType { model.inputs.map(\.type.dtype).first(where: \.isFloating) ?? .f32 }

  private mutating func unique(_ name: String) -> String {
    var candidate = name, count = 1
    while !used.insert(candidate).inserted {
      candidate = "\(name)_\(count)"
      count += 1
    }
    return candidate
  }
}
