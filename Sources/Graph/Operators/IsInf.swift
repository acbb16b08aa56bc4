import Support
import Tensor

/// Whether each element is infinite, as bool; either sign may be left out.
struct IsInfOperator: Operator {
  static let name = "IsInf"

  func infer(_ node: Node, _ inputs: [ValueType?], _ context: OperatorContext) throws -> [ValueType] {
    [ValueType(.bool, try inputs.required(0, node).shape)]
  }

  func forward(_ node: Node, _ inputs: [Tensor?], _ context: inout ExecutionContext) throws -> [Tensor] {
    let x = try inputs.required(0, node)
    var result = try x.isInfinite()
    if try !node.flag("detect_negative", default: true) { result = try result.and(x.gt(0)) }
    if try !node.flag("detect_positive", default: true) { result = try result.and(x.lt(0)) }
    return [result]
  }

  func channels(_ node: Node, _ flow: inout ChannelFlow) throws { flow.passThrough() }
}

@section("pare_operators") @used private let entry: OperatorEntry = { operatorEntry(IsInfOperator.self) }
