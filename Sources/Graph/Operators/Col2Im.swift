import Support
import Tensor

/// Adds columns of patches to the image that they come from: `[N, C k.., windows]` to `[N, C, spatial..]`.
struct Col2ImOperator: Operator {
  static let name = "Col2Im"
  var arity: ClosedRange<Int> { 3...3 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    let image = try inputs.required(1, node)
    if let shape = x.shape, let count = image.fixedShape?.first, count <= 8, try image.contents == nil || inputs.required(2, node).contents == nil {
      return [ValueType(x.dtype, [shape[0], .symbol("\(node.name)_1")] + (0..<count).map { .symbol("\(node.name)_\($0 + 2)") })]
    }
    guard let shape = x.shape, shape.count == 3, let sizes = image.contents,
          let block = try inputs.required(2, node).contents?.compactMap(\.value), block.count == sizes.count
    else { return [ValueType(x.dtype, nil)] }
    let patch = try checkedProduct(block, node)
    guard patch > 0 else { throw node.failure(.shape, "a block of \(block)", expected: "sizes from 1") }
    return [ValueType(x.dtype, [shape[0], shape[1].value.map { .fixed($0 / patch) } ?? .symbol("\(node.name)_1")] + sizes)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let kernel = try inputs.required(2, node).integers()
    let window = try Window(node, kernel: kernel)
    return [try inputs.required(0, node).folded(
      sizes: inputs.required(1, node).integers(), kernel: kernel, strides: window.strides, padding: window.pads,
      dilations: window.dilations)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.tie(.input(0), axis: 0, .output(0), axis: 0) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(Col2ImOperator.self) }
