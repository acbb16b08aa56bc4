import Support
import Tensor

/// The matrix product of eight-bit integers less their zero points (per row of A, per column of B), in i32.
struct MatMulIntegerOperator: Operator {
  static let name = "MatMulInteger"
  var arity: ClosedRange<Int> { 2...4 }
  private static let product = MatMulOperator()

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    var type = try Self.product.infer(node, Array(inputs.prefix(2)), context)[0]
    type.dtype = .i32
    return [type]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let a = try inputs.required(0, node).centred(inputs.optional(2), axis: -2, node)
    let b = try inputs.required(1, node).centred(inputs.optional(3), axis: -1, node)
    return [try a.matmul(b).converted(to: .i32)]
  }

  func macs(_ node: Node, _ inputs: [ValueType?], _ outputs: [ValueType], weights: [Int?]) throws -> Int {
    try Self.product.macs(node, Array(inputs.prefix(2)), outputs, weights: weights)
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(MatMulIntegerOperator.self) }
