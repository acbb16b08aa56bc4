import Support
import Tensor

/// x where positive, else slope times x; the slope is learned and spreads to x (He 2015).
struct PReluOperator: Operator {
  static let name = "PRelu"
  var arity: ClosedRange<Int> { 2...2 }

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    let x = try inputs.required(0, node)
    if let shape = x.shape, let slope = try inputs.required(1, node).shape, try broadcast(shape, slope, node).count != shape.count {
      throw node.failure(.shape, "slope", expected: "something that spreads to \(shape)", got: "\(slope)")
    }
    return [ValueType(x.dtype, x.shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node)
    return [try Tensor.where(x.lt(0), x * inputs.required(1, node), x)]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.broadcast(inputs: [0, 1], role: .carries) }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(PReluOperator.self) }
