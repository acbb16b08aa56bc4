import Support
import Tensor

/// The matrix product of the last two axes; axes before them broadcast, a vector counts as one row or column.
struct MatMulOperator: Operator {
  static let name = "MatMul"
  var precision: PrecisionPolicy { .narrow }
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let a = try inputs.required(0, node), b = try inputs.required(1, node)
    guard let x = a.shape, let y = b.shape else { return [ValueType(a.dtype, nil)] }
    guard !x.isEmpty, !y.isEmpty else {
      throw node.failure(.shape, "operands", expected: "rank 1 or more", got: "\(x) and \(y)")
    }
    let left = x.count == 1 ? [1] + x : x, right = y.count == 1 ? y + [1] : y
    if let k = left[left.count - 1].value, let l = right[right.count - 2].value, k != l {
      throw node.failure(.shape, "inner sizes differ", got: "\(x) and \(y)")
    }
    var shape = try broadcast(Array(left.dropLast(2)), Array(right.dropLast(2)), node)
    if x.count > 1 { shape.append(left[left.count - 2]) }
    if y.count > 1 { shape.append(right[right.count - 1]) }
    return [ValueType(a.dtype, shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    [try inputs.required(0, node).matmul(inputs.required(1, node))]
  }

  func macs(_ node: Node, _ inputs: [ValueType?], _ outputs: [ValueType], weights: [Int?]) throws -> Int {
    guard let shape = outputs.first?.fixedShape, let a = inputs.optional(0)?.fixedShape,
          let b = inputs.optional(1)?.fixedShape, let inner = a.last
    else { return 0 }
    // A rank-2 parameter is applied once per row (or column) of the other operand.
    if b.count == 2, let stored = weights[1] { return try checkedProduct(Array(a.dropLast()) + [stored], node) }
    if a.count == 2, let stored = weights[0] {
      return try checkedProduct(Array(b.dropLast(2)) + [b.count > 1 ? b[b.count - 1] : 1, stored], node)
    }
    return try checkedProduct(shape + [inner], node)
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    guard let a = flow.rank(.input(0)), let b = flow.rank(.input(1)), let out = flow.rank(.output(0)), a >= 2, b >= 2 else {
      return flow.blockAll("\(node.op) '\(node.name)' with a vector")
    }
    for (input, rank) in [(0, a), (1, b)] {
      for axis in 0..<(rank - 2) {
        let target = axis + out - rank
        if flow.size(.input(input), axis: axis) == 1, flow.size(.output(0), axis: target) != 1 {
          flow.free(.input(input), axis: axis)
        } else {
          flow.tie(.input(input), axis: axis, .output(0), axis: target)
        }
      }
    }
    flow.tie(.input(0), axis: a - 2, .output(0), axis: out - 2)
    flow.tie(.input(1), axis: b - 1, .output(0), axis: out - 1)
    flow.role(.produces, input: 0, axis: a - 2)
    flow.role(.produces, input: 1, axis: b - 1)
    // Summed over: a channel leaves without a trace only if one operand's slice can be made zero, a parameter's.
    if flow.isParameter(0) || flow.isParameter(1) {
      flow.tie(.input(0), axis: a - 1, .input(1), axis: b - 2)
      flow.role(.consumes, input: 0, axis: a - 1)
      flow.role(.consumes, input: 1, axis: b - 2)
    }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(MatMulOperator.self) }
