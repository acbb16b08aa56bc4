import Support
import Tensor

/// Transposed convolution of `[N, C, spatial..]` with weight `[C, M/group, kernel..]` and an optional bias `[M]`.
struct ConvTransposeOperator: Operator {
  static let name = "ConvTranspose"
  var arity: ClosedRange<Int> { 2...3 }

  private struct Geometry {
    let window: Window
    let extra: [Int]
    /// The sizes that are asked for, from output_shape or auto_pad, and whether an odd element is cut at the end.
    let wanted: [Int]?
    let cutsEnd: Bool

    init(_ node: Node, kernel: [Int], sizes: [Int?]) throws {
      window = try Window(node, kernel: kernel)
      extra = try node.ints("output_padding", default: Array(repeating: 0, count: kernel.count))
      guard sizes.count == kernel.count, extra.count == kernel.count, extra.allSatisfy({ $0 >= 0 && $0 <= 1 << 24 }) else {
        throw node.failure(.argument, "attribute 'output_padding'", argument: "output_padding", expected: "\(kernel.count) numbers from 0", got: "\(extra)")
      }
      let auto = try node.string("auto_pad", default: "NOTSET")
      var wanted = try node.ints("output_shape").map { Array($0.suffix(kernel.count)) }
      if let given = wanted, given.count != kernel.count || given.contains(where: { $0 < 1 }) {
        throw node.failure(.argument, "attribute 'output_shape'", argument: "output_shape", expected: "\(kernel.count) sizes", got: "\(given)")
      }
      if wanted == nil, auto.hasPrefix("SAME") {
        let window = window, extra = extra
        // A multiple of the stride, or as far as windows smaller than it reach (as ONNX Runtime does).
        wanted = sizes.enumerated().compactMap { axis, size in
          size.map { min($0 * window.strides[axis], ($0 - 1) * window.strides[axis] + window.reach(axis) + extra[axis]) }
        }
      }
      self.wanted = wanted
      cutsEnd = auto == "SAME_UPPER"
    }

    /// What is cut, begins then ends, and what is added at the ends.
    func margins(_ sizes: [Int], _ node: Node) throws -> (padding: [Int], extra: [Int]) {
      guard let wanted else { return (window.padding(sizes), extra) }
      let totals = sizes.indices.map { (sizes[$0] - 1) * window.strides[$0] + window.reach($0) + extra[$0] - wanted[$0] }
      // Windows smaller than their stride end before the last of the positions that belong to them.
      guard totals.indices.allSatisfy({ extra[$0] - totals[$0] < max(window.strides[$0], window.dilations[$0]) || totals[$0] >= 0 }) else {
        throw node.failure(
          .unsupported, "a result of \(wanted) from \(sizes)", argument: "output_shape",
          expected: "less than a stride more than the windows reach")
      }
      let cut = totals.map { max($0, 0) }
      let small = cut.map { $0 / 2 }, large = cut.map { $0 - $0 / 2 }
      return (cutsEnd ? small + large : large + small, totals.indices.map { extra[$0] + max(-totals[$0], 0) })
    }
  }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), w = try inputs.required(1, node)
    guard let weight = w.fixedShape else { return [ValueType(x.dtype, nil)] }
    guard (3...5).contains(weight.count) else {
      throw node.failure(.unsupported, "weight", expected: "rank 3 to 5", got: "\(weight)")
    }
    let outputs = try checkedProduct([weight[1], groups(node, weight)], node)
    if let bias = inputs.optional(2)?.shape, bias != [.fixed(outputs)] {
      throw node.failure(.shape, "bias", expected: "[\(outputs)]", got: "\(bias)")
    }
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    guard shape.count == weight.count, shape[1].value ?? weight[0] == weight[0] else {
      throw node.failure(.shape, "input", expected: "[N, \(weight[0]), ..] of rank \(weight.count)", got: "\(shape)")
    }
    let sizes = shape.dropFirst(2).map(\.value)
    let geometry = try Geometry(node, kernel: Array(weight.dropFirst(2)), sizes: sizes)
    let known = sizes.compactMap { $0 }
    guard known.count == sizes.count else {
      return [ValueType(x.dtype, [shape[0], .fixed(outputs)] + sizes.indices.map { .symbol("\(node.name)_\($0)") })]
    }
    let (pads, extra) = try geometry.margins(known, node), axes = known.count
    let result = known.indices.map { axis in
      (known[axis] - 1) * geometry.window.strides[axis] + geometry.window.reach(axis) + extra[axis] - pads[axis] - pads[axis + axes]
    }
    guard result.allSatisfy({ $0 > 0 }) else { throw node.failure(.shape, "pads \(pads) leave nothing of \(shape)") }
    return [ValueType(x.dtype, [shape[0], .fixed(outputs)] + result.map { .fixed($0) })]
  }

  private func groups(_ node: Node, _ weight: [Int]) throws -> Int {
    let group = try node.int("group", default: 1)
    guard group >= 1, weight[0] % group == 0 else {
      throw node.failure(.argument, "attribute 'group' \(group) does not divide \(weight[0]) input channels", argument: "group")
    }
    return group
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), weight = try inputs.required(1, node)
    let sizes = Array(x.shape.dimensions.dropFirst(2))
    let geometry = try Geometry(node, kernel: Array(weight.shape.dimensions.dropFirst(2)), sizes: sizes)
    let (padding, extra) = try geometry.margins(sizes, node)
    return [try x.convTranspose(
      weight: weight, bias: inputs.optional(2), strides: geometry.window.strides, padding: padding, outputPadding: extra,
      dilations: geometry.window.dilations, groups: node.int("group", default: 1))]
  }

  func macs(_ node: Node, _ inputs: [ValueType?], _ outputs: [ValueType], weights: [Int?]) throws -> Int {
    guard let shape = inputs.optional(0)?.fixedShape, let weight = inputs.optional(1)?.fixedShape else { return 0 }
    // Every input position meets every element of its channel's filters.
    let positions = try checkedProduct([shape[0]] + shape.dropFirst(2), node)
    return try checkedProduct([positions, weights.count > 1 ? weights[1] ?? checkedProduct(weight, node) : 0], node)
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.tie(.input(0), axis: 0, .output(0), axis: 0)
    guard let channels = flow.size(.input(0), axis: 1), let outputs = flow.size(.output(0), axis: 1) else {
      return flow.blockAll("the channels of \(node.op) '\(node.name)' are not known")
    }
    let group = try node.int("group", default: 1)
    if node.has(2) { flow.tie(.input(2), axis: 0, .output(0), axis: 1) }
    flow.role(.produces, input: 2, axis: 0)
    if group == 1 {
      flow.tie(.input(0), axis: 1, .input(1), axis: 0)
      flow.role(.consumes, input: 1, axis: 0)
      flow.tie(.input(1), axis: 1, .output(0), axis: 1)
      flow.role(.produces, input: 1, axis: 1)
    } else if channels == group, outputs == group {
      // Depthwise: a channel goes with its own filter, and the number of groups falls.
      flow.tie(.input(0), axis: 1, .output(0), axis: 1)
      flow.tie(.input(1), axis: 0, .output(0), axis: 1)
      flow.role(.produces, input: 1, axis: 0)
      flow.free(.input(1), axis: 1)
    } else {
      flow.block(.input(0), axis: 1, "\(node.op) '\(node.name)' reads channels in \(group) groups")
      flow.block(.output(0), axis: 1, "\(node.op) '\(node.name)' makes channels in \(group) groups")
    }
  }

  func resized(_ node: Node, _ cut: CutContext) throws -> Resized {
    let group = try node.int("group", default: 1)
    guard group > 1, let kept = cut.kept(input: 0, axis: 1) else { return Resized(node) }
    var node = node
    node.attributes["group"] = .int(kept.count)
    return Resized(node)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ConvTransposeOperator.self) }
