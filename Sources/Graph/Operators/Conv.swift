import Support
import Tensor

/// Convolution of `[N, C, spatial..]`, one to three axes, with weight `[M, C/group, kernel..]` and an optional bias `[M]`.
struct ConvOperator: Operator {
  static let name = "Conv"
  var precision: PrecisionPolicy { .narrow }
  var arity: ClosedRange<Int> { 2...3 }
  var fuses: Epilogue.Kinds { .relu }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node), w = try inputs.required(1, node)
    guard let weight = w.fixedShape else { return [ValueType(x.dtype, nil)] }
    guard (3...5).contains(weight.count) else {
      throw node.failure(.unsupported, "weight", expected: "rank 3 to 5", got: "\(weight)")
    }
    let window = try Window(node, kernel: Array(weight.dropFirst(2)))
    let group = try groups(node, weight)
    if let bias = inputs.optional(2)?.shape, bias != [.fixed(weight[0])] {
      throw node.failure(.shape, "bias", expected: "[\(weight[0])]", got: "\(bias)")
    }
    guard let shape = x.shape else { return [ValueType(x.dtype, nil)] }
    guard shape.count == weight.count else {
      throw node.failure(.shape, "input", expected: "rank \(weight.count)", got: "\(shape)")
    }
    if let channels = shape[1].value, channels != weight[1] * group {
      throw node.failure(.shape, "input channels", expected: "\(weight[1] * group)", got: "\(channels)")
    }
    return [ValueType(x.dtype, [shape[0], .fixed(weight[0])] + (try window.output(Array(shape.dropFirst(2)), node)))]
  }

  private func groups(_ node: Node, _ weight: [Int]) throws -> Int {
    let group = try node.int("group", default: 1)
    guard group >= 1, weight[0] % group == 0, !weight[1].multipliedReportingOverflow(by: group).overflow else {
      throw node.failure(.argument, "attribute 'group' \(group) does not divide \(weight[0]) output channels", argument: "group")
    }
    return group
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node), weight = try inputs.required(1, node)
    let window = try Window(node, kernel: Array(weight.shape.dimensions.dropFirst(2)))
    return [try x.conv(
      weight: weight, bias: inputs.optional(2), strides: window.strides,
      padding: window.padding(Array(x.shape.dimensions.dropFirst(2))), dilations: window.dilations,
      groups: node.int("group", default: 1), relu: context.epilogue.rectifier == .relu)]
  }

  func macs(_ node: Node, _ inputs: [ValueType?], _ outputs: [ValueType], weights: [Int?]) throws -> Int {
    guard let shape = outputs.first?.fixedShape, let weight = inputs.optional(1)?.fixedShape else { return 0 }
    let positions = try checkedProduct([shape[0]] + shape.dropFirst(2), node)
    return try checkedProduct([positions, weights.count > 1 ? weights[1] ?? checkedProduct(weight, node) : 0], node)
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    flow.tie(.input(0), axis: 0, .output(0), axis: 0)
    // A kernel of one position takes places as they are: they may be channels of another layer.
    if let weight = flow.shape(.input(1)), weight.count > 2, weight.dropFirst(2).allSatisfy({ $0 == 1 }) {
      let window = try Window(node, kernel: weight.dropFirst(2).map { $0 ?? 1 })
      for axis in 2..<weight.count where window.strides[axis - 2] == 1 && flow.size(.input(0), axis: axis) == flow.size(.output(0), axis: axis) {
        flow.tie(.input(0), axis: axis, .output(0), axis: axis)
        flow.free(.input(1), axis: axis)
      }
    }
    guard let channels = flow.size(.input(0), axis: 1), let outputs = flow.size(.output(0), axis: 1) else {
      return flow.blockAll("the channels of \(node.op) '\(node.name)' are not known")
    }
    let group = try node.int("group", default: 1)
    let perInput = channels / group, perOutput = outputs / group
    flow.tie(.input(1), axis: 0, .output(0), axis: 1)
    if node.has(2) { flow.tie(.input(2), axis: 0, .output(0), axis: 1) }
    flow.role(.produces, input: 1, axis: 0)
    flow.role(.produces, input: 2, axis: 0)
    if group == 1 {
      flow.tie(.input(0), axis: 1, .input(1), axis: 1)
      flow.role(.consumes, input: 1, axis: 1)
    } else if perInput == 1 {
      // Depthwise: a channel goes with its own filters, and the number of groups falls.
      let rows = Array(0..<outputs)
      flow.tie(.input(0), axis: 1, at: rows.map { $0 / perOutput }, .output(0), axis: 1, at: rows)
      flow.free(.input(1), axis: 1)
    } else {
      // Grouped: every group loses the same, so the j-th channels of all groups go together.
      let inputs = Array(0..<channels), rows = Array(0..<outputs)
      flow.tie(.input(0), axis: 1, at: inputs, .input(1), axis: 1, at: inputs.map { $0 % perInput })
      flow.tie(.output(0), axis: 1, rows, with: rows.map { $0 % perOutput })
      flow.role(.consumes, input: 1, axis: 1)
    }
  }

  func resized(_ node: Node, _ cut: CutContext) throws -> Resized {
    let group = try node.int("group", default: 1)
    guard group > 1, let channels = cut.input(0)?.shape?[1].value, channels == group,
          let kept = cut.kept(input: 0, axis: 1)
    else { return Resized(node) }
    var node = node
    node.attributes["group"] = .int(kept.count)
    return Resized(node)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ConvOperator.self) }
