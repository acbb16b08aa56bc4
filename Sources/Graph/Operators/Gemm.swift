import Support
import Tensor

/// alpha A' B' + beta C, where A' and B' are A and B or their transposes: a linear layer has transB and weight `[out, in]`.
struct GemmOperator: Operator {
  static let name = "Gemm"
  var precision: PrecisionPolicy { .narrow }
  var arity: ClosedRange<Int> { 2...3 }
  var fuses: Epilogue.Kinds { [.residual, .relu] }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let a = try inputs.required(0, node), b = try inputs.required(1, node)
    guard var x = a.shape, var y = b.shape else { return [ValueType(a.dtype, nil)] }
    guard x.count == 2, y.count == 2 else {
      throw node.failure(.shape, "operands", expected: "rank 2", got: "\(x) and \(y)",
                         suggestion: x.count > 2 ? "put a flatten before the linear layer" : nil)
    }
    if try node.flag("transA") { x.reverse() }
    if try node.flag("transB") { y.reverse() }
    if let k = x[1].value, let l = y[0].value, k != l {
      throw node.failure(.shape, "input features", expected: "\(l)", got: "\(k)")
    }
    var result = [x[0], y[1]]
    if let c = inputs.optional(2)?.shape {
      let spread = try broadcast(result, c, node)
      // Free sizes may agree with what they meet; a fixed one is not spread by the bias.
      guard spread.count == 2, zip(spread, result).allSatisfy({ $0 == $1 || $0.value == nil || $1.value == nil }) else {
        throw node.failure(.shape, "bias", expected: "something that spreads to \(result)", got: "\(c)")
      }
      result = zip(result, spread).map { $0.value == nil ? $1 : $0 }
    }
    return [ValueType(a.dtype, result)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    var a = try inputs.required(0, node), b = try inputs.required(1, node)
    if try node.flag("transA") { a = try a.transposed(0, 1) }
    let transB = try node.flag("transB"), c = inputs.optional(2)
    let alpha = try node.float("alpha", default: 1), beta = try node.float("beta", default: 1)
    let residual = context.epilogue.residual
    if alpha == 1, beta == 1, transB, c == nil || c?.shape.dimensions == [b.shape[0]],
      residual == nil || residual?.shape.dimensions == [a.shape[0], b.shape[0]] && residual?.dtype == a.dtype
    {
      return [try a.linear(weight: b, bias: c, residual: residual, relu: context.epilogue.rectifier == .relu)]
    }
    if transB { b = try b.transposed(0, 1) }
    var result = try a.matmul(b)
    if alpha != 1 { result = try result * alpha }
    if let c { result = try result + (beta == 1 ? c : c * beta) }
    return [try context.epilogue.finished(result)]
  }

  func macs(_ node: Node, _ inputs: [ValueType?], _ outputs: [ValueType], weights: [Int?]) throws -> Int {
    guard let shape = outputs.first?.fixedShape, let b = inputs.optional(1)?.fixedShape else { return 0 }
    return try checkedProduct([shape[0], weights[1] ?? checkedProduct(b, node)], node)
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws {
    let row = try node.flag("transA") ? 1 : 0, column = try node.flag("transB") ? 0 : 1
    flow.tie(.input(0), axis: row, .output(0), axis: 0)
    flow.tie(.input(1), axis: column, .output(0), axis: 1)
    flow.role(.produces, input: 1, axis: column)
    if flow.isParameter(1) {
      flow.tie(.input(0), axis: 1 - row, .input(1), axis: 1 - column)
      flow.role(.consumes, input: 1, axis: 1 - column)
    }
    if node.has(2) { flow.broadcast(inputs: [2], role: .produces) }
  }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(GemmOperator.self) }
