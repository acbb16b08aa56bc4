import Support
import Tensor

/// Convolution of eight-bit integers less their zero points (the weight's per output channel), in i32.
struct ConvIntegerOperator: Operator {
  static let name = "ConvInteger"
  var arity: ClosedRange<Int> { 2...4 }
  private static let convolution = ConvOperator()

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    var type = try Self.convolution.infer(node, Array(inputs.prefix(2)), context)[0]
    type.dtype = .i32
    return [type]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node).centred(inputs.optional(2), axis: 1, node)
    let weight = try inputs.required(1, node).centred(inputs.optional(3), axis: 0, node)
    let window = try Window(node, kernel: Array(weight.shape.dimensions.dropFirst(2)))
    return [try x.conv(
      weight: weight, bias: nil, strides: window.strides, padding: window.padding(Array(x.shape.dimensions.dropFirst(2))),
      dilations: window.dilations, groups: node.int("group", default: 1)).converted(to: .i32)]
  }

  func macs(_ node: Node, _ inputs: [ValueType?], _ outputs: [ValueType], weights: [Int?]) throws -> Int {
    try Self.convolution.macs(node, Array(inputs.prefix(2)), outputs, weights: weights)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(ConvIntegerOperator.self) }
